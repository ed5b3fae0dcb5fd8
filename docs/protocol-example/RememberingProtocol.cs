using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Notifiers;
using Livebed.Kvm.World;

namespace ProtocolExample;

/// <summary>
/// The first half of the worked example of docs/protocols.md, and a mistake: what start decided is kept with the range, so that end does
/// the same whatever the memslots are by then. Nothing tells a range that was elided when a memslot comes to cover it.
/// </summary>
/// <param name="context">what a protocol gets of its VM</param>
public class RememberingProtocol(ProtocolContext context) : IInvalidationProtocol
{
    private readonly InvalidationState _state = new(context.World);
    private readonly TrackedMap<long, OpenRange> _open = new(context.World);

    public ulong Sequence => _state.Sequence;
    public long InvalidationsInProgress => _state.InProgress;
    public long ActiveInvalidations => 0;
    public bool HasChangePte => false;
    public bool HasLocklessAgeing => false;

    public async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
    {
        var open = new OpenRange(context.World, range.Pages);
        _open.Add(range.RangeId, open);
        await context.Walk.UnmapAsync(op, range, mustLock: false, onLock: () => Count(open), onSlot: null);
    }

    public async ValueTask RangeEndAsync(Operation op, MmuNotifierRange range)
    {
        if (!_open.Remove(range.RangeId, out var open) || !open.IsCounted) return;
        await context.Walk.FindAsync(op, range, mustLock: true, onLock: _state.End);
    }

    public virtual ValueTask PublishMemslotsAsync(Operation op, Action publish)
    {
        publish();
        return ValueTask.CompletedTask;
    }

    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => false;

    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) =>
        (_state.InProgress > 0 && _state.InHull(hva.Value)) || _state.Sequence != sequence;

    // Nothing is held and no operation waits for a range, so one that never ends may stay counted.
    public bool ResetAtDestroy() => true;

    public bool NeedsSameSlots(MmuNotifierRange range) => false;

    /// <summary>Under mmu_lock.</summary>
    protected void CountElided()
    {
        foreach (var (_, open) in _open) Count(open);
    }

    /// <summary>Under mmu_lock; once for each range.</summary>
    private void Count(OpenRange open)
    {
        if (open.IsCounted) return;
        open.IsCounted = true;
        _state.Begin();
        _state.AddToHull(open.Pages.Start.Value, open.Pages.End.Value);
    }

    private sealed class OpenRange(IWorld world, HvaRange pages)
    {
        private Tracked<bool> _isCounted = new(world);

        public HvaRange Pages { get; } = pages;

        public bool IsCounted
        {
            get => _isCounted.Value;
            set => _isCounted.Value = value;
        }
    }
}
