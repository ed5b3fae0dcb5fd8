using Livebed.Kvm.Memslots;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// <c>__kvm_handle_hva_range</c> (virt/kvm/kvm_main.c): finds the memslots that a range overlaps and takes mmu_lock when the first is
/// found, or at once when it must. One SRCU section a call; nothing keeps the slots stable from one call to the next, that is the
/// protocol's part.
/// </summary>
public sealed class HvaRangeWalk(Vm vm)
{
    /// <summary>
    /// Walks for <c>range_start</c>: <paramref name="onLock"/> when mmu_lock was taken, <paramref name="onSlot"/> per overlap before its
    /// SPTEs go, then one flush before the lock is dropped, since the pages may be freed as soon as start returns.
    /// </summary>
    /// <returns>false when the lock was elided: no memslot overlaps</returns>
    public async ValueTask<bool> UnmapAsync(Operation op, MmuNotifierRange range, bool mustLock, Action onLock, Action<GfnRange>? onSlot)
    {
        var section = vm.Srcu.ReadLock(op);
        vm.Checks.Ranges.WalkBegan(range, isEnd: false);
        var locked = false;
        if (mustLock)
        {
            await vm.MmuLock.WriteLockAsync(op);
            locked = true;
            onLock();
        }

        GfnRange flush = default;
        var slots = 0;
        foreach (var slot in vm.Memslots.Active.Overlapping(range.Pages))
        {
            if (!locked)
            {
                await vm.MmuLock.WriteLockAsync(op);
                locked = true;
                onLock();
            }

            vm.Checks.Sptes.SlotUsed(op, slot);
            NoteCases(slot, range, ++slots);
            // INVALID slots too: what a memslot delete is about to zap is still mapped (kvm-protocol 5, B3).
            if (slot.IsInvalid && vm.Options.Mutant == Mutant.UnmapSkipsInvalidSlot) continue;
            var gfns = vm.Options.Mutant == Mutant.ZapsWholeMemslot ? slot.Gfns : slot.ToGfns(range.Pages);
            var hullLate = vm.Options.Mutant == Mutant.HullAddedAfterYield;
            if (!hullLate) onSlot?.Invoke(gfns);
            vm.Checks.Ranges.ZapBegan(range, gfns);
            flush = await vm.Zapper.UnmapAsync(op, gfns, mayYield: range.Blockable, pending: flush);
            if (hullLate) onSlot?.Invoke(gfns);
        }

        if (!flush.IsEmpty) await vm.Flusher.FlushAsync(op, flush, FlushReason.Invalidation);
        if (locked) vm.MmuLock.WriteUnlock(op);
        vm.Srcu.ReadUnlock(op, section);
        if (locked) vm.Counters.NotifierMmuLockAcquisitions++;
        else vm.Counters.NotifierElided++;
        if (!locked) vm.World.Reached(ReachedCase.StartElided);
        return locked;
    }

    private void NoteCases(Memslot slot, MmuNotifierRange range, int slots)
    {
        if (slot.IsInvalid) vm.World.Reached(ReachedCase.RangeOverInvalidMemslot);
        if (slots == 2) vm.World.Reached(ReachedCase.RangeOverSeveralMemslots);
        if (range.Pages.Start < slot.Hvas.Start || slot.Hvas.End < range.Pages.End) vm.World.Reached(ReachedCase.RangeBeyondMemslot);
    }

    /// <summary>Walks for <c>range_end</c>: only decides whether a memslot overlaps, and if so (or if it must) runs the hook under the
    /// lock.</summary>
    /// <returns>false when the lock was elided</returns>
    public async ValueTask<bool> FindAsync(Operation op, MmuNotifierRange range, bool mustLock, Action onLock)
    {
        var section = vm.Srcu.ReadLock(op);
        vm.Checks.Ranges.WalkBegan(range, isEnd: true);
        var found = mustLock || vm.Memslots.Active.Overlapping(range.Pages).GetEnumerator().MoveNext();
        if (found)
        {
            await vm.MmuLock.WriteLockAsync(op);
            onLock();
            vm.MmuLock.WriteUnlock(op);
        }

        vm.Srcu.ReadUnlock(op, section);
        if (found) vm.Counters.NotifierMmuLockAcquisitions++;
        return found;
    }
}
