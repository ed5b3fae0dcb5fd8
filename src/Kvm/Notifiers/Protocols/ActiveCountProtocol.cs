using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers.Protocols;

/// <summary>
/// What was merged in 5.15 (kvm-protocol 2.3): every start counts itself in <c>mn_active_invalidate_count</c> before it walks the memslots,
/// and every end counts itself out after its walk. A memslot update sleeps until the count is 0 and publishes in the same critical section
/// of <c>mn_invalidate_lock</c> that saw the 0. Unfair: overlapping ranges without a gap keep the update waiting. The "recent" flavour is
/// the protocol of kernels since 6.8 (2.4, 2.5): the hull is in gfns and added per slot, faults look before they take mmu_lock, there is no
/// <c>change_pte</c>, ageing takes no lock.
/// </summary>
public sealed class ActiveCountProtocol : IInvalidationProtocol
{
    private readonly ProtocolContext _context;
    private readonly bool _recent;
    private readonly KernelMutex _invalidateLock;
    private readonly RcuWait _memslotsUpdateWait;
    private readonly InvalidationState _state;

    // Made once and not for each range.
    private readonly Action _begin;
    private readonly Action _end;
    private readonly Action<GfnRange>? _addToHull;

    // The counted operations, for witnesses; the protocol itself has only the count.
    private readonly TrackedList<WaitBlocker> _active;
    private Tracked<long> _activeCount;

    public ActiveCountProtocol(ProtocolContext context, bool recent)
    {
        _context = context;
        var counted = new Place(context.World);
        _active = new TrackedList<WaitBlocker>(counted);
        _activeCount = new Tracked<long>(counted);
        _recent = recent;
        _state = new InvalidationState(context.World, context.Mutant, context.SequenceFrom);
        (_begin, _end) = (_state.Begin, _state.End);
        if (recent) _addToHull = gfns => _state.AddToHull(gfns.Start.Value, gfns.End.Value);
        // The bug is arm64's, so its mutant is.
        ChangePteMaps = context.Mutant == Mutant.ChangePteMapsInvalidSlot;
        _invalidateLock = new KernelMutex(context.Locks, LockClasses.MnInvalidateLock, context.VmName);
        _memslotsUpdateWait = new RcuWait(context.Locks, LockClasses.MnMemslotsUpdateRcuwait, context.VmName, () => _active.ToArray());
    }

    public ulong Sequence => _state.Sequence;
    public long InvalidationsInProgress => _state.InProgress;
    public long ActiveInvalidations => _activeCount.Value;
    public bool HasChangePte => !_recent;
    public bool HasLocklessAgeing => _recent;

    /// <inheritdoc cref="IInvalidationProtocol.ChangePteMaps"/>
    public bool ChangePteMaps { get; init; }

    private bool HasActive => _activeCount.Value > 0;

    public async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
    {
        if (_context.Mutant != Mutant.CountAfterWalk)
        {
            await _invalidateLock.AcquireAsync(op);
            CountIn(op);
        }

        await _context.Walk.UnmapAsync(op, range, mustLock: false, _recent ? _begin : BeginOver(range), _addToHull);
        if (_context.Mutant == Mutant.CountAfterWalk)
        {
            await _context.World.PointAsync(SchedulingPoint.Preempt);
            await _invalidateLock.AcquireAsync(op);
            CountIn(op);
        }
    }

    public async ValueTask RangeEndAsync(Operation op, MmuNotifierRange range)
    {
        if (_context.Mutant == Mutant.CountDroppedBeforeWalk)
        {
            await _invalidateLock.AcquireAsync(op);
            CountOut(op);
            await _context.World.PointAsync(SchedulingPoint.Preempt);
        }

        await _context.Walk.FindAsync(op, range, mustLock: false, _end);
        if (_context.Mutant == Mutant.CountDroppedBeforeWalk) return;
        await _invalidateLock.AcquireAsync(op);
        CountOut(op);
    }

    public async ValueTask PublishMemslotsAsync(Operation op, Action publish)
    {
        await _invalidateLock.AcquireAsync(op);
        _memslotsUpdateWait.Prepare(op);
        var slept = HasActive;
        while (HasActive)
        {
            _invalidateLock.Release(op);
            if (_context.Mutant == Mutant.PreparesAfterUnlock) await PrepareAgainAsync(op);
            await _memslotsUpdateWait.SleepAsync();
            await _invalidateLock.AcquireAsync(op);
            if (_context.Mutant == Mutant.WakeWithoutRecheck) break;
        }

        _memslotsUpdateWait.Finish();
        if (_context.Mutant == Mutant.PublishOutsideLock)
        {
            _invalidateLock.Release(op);
            await _context.World.PointAsync(SchedulingPoint.Preempt);
            publish();
            return;
        }

        if (!slept || _context.Mutant != Mutant.PublishForgottenAfterSleep) publish();
        if (slept && _context.Mutant == Mutant.PublishRepeatedAfterSleep) publish();
        _invalidateLock.Release(op);
    }

    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => _recent && MustRetry(sequence, gfn, hva);

    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) =>
        (_state.InProgress > 0 && _state.InHull(_recent ? gfn.Value : hva.Value)) || _state.Sequence != sequence;

    public bool ResetAtDestroy()
    {
        if (_context.Mutant == Mutant.NoResetAtDestroy) return true;
        if (_memslotsUpdateWait.IsActive) return false;
        _activeCount.Value = 0;
        _active.Clear();
        return true;
    }

    public bool NeedsSameSlots(MmuNotifierRange range) => true;

    /// <summary>What comes before this forgets a wake-up, as <c>set_current_state</c> does behind the check of the condition.</summary>
    private async ValueTask PrepareAgainAsync(Operation op)
    {
        await _context.World.PointAsync(SchedulingPoint.Preempt);
        _memslotsUpdateWait.Finish();
        _memslotsUpdateWait.Prepare(op);
    }

    private Action BeginOver(MmuNotifierRange range) => () =>
    {
        _state.Begin();
        _state.AddToHull(range.Pages.Start.Value, range.Pages.End.Value);
    };

    /// <summary>Under the lock, which it gives back.</summary>
    private void CountIn(Operation op)
    {
        _activeCount.Value++;
        _active.Add(new WaitBlocker(op.Id, op.Kind, LockMode.Read, Queued: false));
        _invalidateLock.Release(op);
        // From here to CountOut a memslot update waits for this operation, as if it held a lock for read.
        op.Held = op.Held.With(LockClasses.MnMemslotsUpdateRcuwait, LockMode.Read);
    }

    /// <inheritdoc cref="CountIn"/>
    private void CountOut(Operation op)
    {
        _activeCount.Value--;
        // A reset that came too early has dropped the counted operations.
        if (_active.FindIndex(entry => entry.Operation == op.Id) is var index and >= 0) _active.RemoveAt(index);
        var wake = _activeCount.Value == 0;
        _invalidateLock.Release(op);
        op.Held = op.Held.Without(LockClasses.MnMemslotsUpdateRcuwait, LockMode.Read);
        // Woken after the unlock, as in the kernel: the sleeper takes the lock and looks again.
        if (wake) _memslotsUpdateWait.WakeUp();
    }
}
