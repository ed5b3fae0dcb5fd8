using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers.Protocols;

/// <summary>
/// Kernels up to 5.12 (kvm-protocol 2.1, 2.4), and what the reviewer of 2021 held against the seed: every start and end takes mmu_lock and
/// counts, so memslots may change in between and nothing can be left held. <paramref name="useHull"/> adds 5.12's hva hull, so that only
/// faults inside it retry while an invalidation is in progress.
/// </summary>
public sealed class UnconditionalProtocol(ProtocolContext context, bool useHull) : IInvalidationProtocol
{
    private readonly InvalidationState _state = new(context.World, context.Mutant, context.SequenceFrom);

    public ulong Sequence => _state.Sequence;
    public long InvalidationsInProgress => _state.InProgress;
    public long ActiveInvalidations => 0;
    public bool HasChangePte => true;
    public bool HasLocklessAgeing => false;

    public async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range) =>
        await context.Walk.UnmapAsync(op, range, mustLock: true, () =>
        {
            _state.Begin();
            _state.AddToHull(range.Pages.Start.Value, range.Pages.End.Value);
        }, onSlot: null);

    public async ValueTask RangeEndAsync(Operation op, MmuNotifierRange range) =>
        await context.Walk.FindAsync(op, range, mustLock: true, _state.End);

    public ValueTask PublishMemslotsAsync(Operation op, Action publish)
    {
        publish();
        return ValueTask.CompletedTask;
    }

    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => false;

    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) =>
        (_state.InProgress > 0 && (!useHull || _state.InHull(hva.Value))) || _state.Sequence != sequence;

    // in_progress may stay at 1 for a range that never ended: harmless, no vCPU faults again and nothing is held.
    public bool ResetAtDestroy() => true;

    public bool NeedsSameSlots(MmuNotifierRange range) => false;
}
