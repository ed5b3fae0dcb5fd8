using Livebed.Explorer.Beds;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Where one schedule of a plan is played: the bed, its VM, and what actors share.</summary>
public sealed class Stage(Bed bed)
{
    private readonly Dictionary<string, Operation> _held = [];
    private readonly Place _state = new(bed.World);
    private ulong _tokens;

    public Bed Bed { get; } = bed;

    /// <summary>The scenario's first VM.</summary>
    public BedVm Vm => Bed.Vms[0];

    public IReadOnlyList<int> RamSlots { get; } = [.. Enumerable.Range(0, bed.Options.RamSlots)];

    /// <summary>Range starts that came while the first memslot update waited to publish; what a starvation search makes large.</summary>
    public long StartsWhileUpdateWaited { get; set; }

    /// <summary>A value that nobody has written yet.</summary>
    public ulong NextToken()
    {
        _state.Writes();
        return ++_tokens;
    }

    /// <summary>An ioctl on the VM: refused when it is closing, waited for by its end.</summary>
    public ValueTask CommandAsync(Func<BedVm, ValueTask> command) => Vm.CommandAsync(() => command(Vm));

    /// <summary>The operation by which an actor holds its range open; made at its first use.</summary>
    public Operation HeldBy(string actor)
    {
        _state.Writes();
        if (!_held.TryGetValue(actor, out var op)) _held[actor] = op = Bed.NewOperation(OperationKind.HeldRange);
        return op;
    }
}
