using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers.Protocols;

/// <summary>
/// The seed (kvm-protocol 2.2): <c>mmu_notifier_slots_lock</c> is read-held from start to end, so both see the same memslots and may skip
/// mmu_lock when none overlaps. Non-blockable ranges cannot sleep on it and count unconditionally instead. Fair, as posted, a nested start
/// behind a queued memslot update never returns; unfair ("recursive readers") it does, and the update may starve. Unregistering the
/// notifier between start and end leaves the semaphore read-held, hence the re-initialisation at destroy.
/// </summary>
public sealed class RwsemProtocol : IInvalidationProtocol
{
    private readonly ProtocolContext _context;
    private readonly RwSemaphore _slotsLock;
    private readonly InvalidationState _state;

    public RwsemProtocol(ProtocolContext context, bool fair)
    {
        _context = context;
        _state = new InvalidationState(context.World, context.Mutant, context.SequenceFrom);
        _slotsLock = new RwSemaphore(
            context.Locks, fair ? LockClasses.NotifierSlotsLock : LockClasses.NotifierSlotsLockUnfair, context.VmName, fair);
    }

    public ulong Sequence => _state.Sequence;
    public long InvalidationsInProgress => _state.InProgress;
    public long ActiveInvalidations => 0;
    public bool HasChangePte => true;
    public bool HasLocklessAgeing => false;

    public async ValueTask RangeStartAsync(Operation op, MmuNotifierRange range)
    {
        if (range.Blockable) await _slotsLock.DownReadAsync(op);
        await _context.Walk.UnmapAsync(op, range, mustLock: !range.Blockable, () =>
        {
            _state.Begin();
            _state.AddToHull(range.Pages.Start.Value, range.Pages.End.Value);
        }, onSlot: null);
    }

    public async ValueTask RangeEndAsync(Operation op, MmuNotifierRange range)
    {
        await _context.Walk.FindAsync(op, range, mustLock: !range.Blockable, _state.End);
        if (range.Blockable) _slotsLock.UpRead(op);
    }

    public async ValueTask PublishMemslotsAsync(Operation op, Action publish)
    {
        await _slotsLock.DownWriteAsync(op);
        publish();
        _slotsLock.UpWrite(op);
    }

    public bool ShouldRetryUnlocked(ulong sequence, Gfn gfn, Hva hva) => false;

    public bool MustRetry(ulong sequence, Gfn gfn, Hva hva) =>
        (_state.InProgress > 0 && _state.InHull(hva.Value)) || _state.Sequence != sequence;

    public bool ResetAtDestroy() => _context.Mutant == Mutant.NoResetAtDestroy || _slotsLock.TryInit();

    public bool NeedsSameSlots(MmuNotifierRange range) => range.Blockable;
}
