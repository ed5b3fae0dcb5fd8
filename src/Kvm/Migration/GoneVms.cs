using System.Collections.Immutable;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// The VMs that have left a register last, each with its last epoch there. A message that was long on its way may speak of a VM that has
/// left meanwhile, and must not bring it back. Only so many are kept: nothing is on its way for as long as so many others take to leave.
/// </summary>
internal sealed class GoneVms(IWorld world)
{
    public const int KeptMax = 1_024;

    private readonly TrackedMap<string, long> _epochs = new(world, StringComparer.Ordinal);
    private Tracked<ImmutableQueue<string>> _order = new(world, []);

    public void Add(string vm, long epoch)
    {
        if (_epochs.TryGetValue(vm, out var known))
        {
            _epochs[vm] = Math.Max(known, epoch);
            return;
        }

        if (_epochs.Count == KeptMax)
        {
            _order.Value = _order.Value.Dequeue(out var oldest);
            _epochs.Remove(oldest);
        }

        _order.Value = _order.Value.Enqueue(vm);
        _epochs[vm] = epoch;
    }

    /// <summary>The VM has left under this epoch or a later one.</summary>
    public bool HasLeft(string vm, long epoch) => _epochs.TryGetValue(vm, out var last) && last >= epoch;
}
