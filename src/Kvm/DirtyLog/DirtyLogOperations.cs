using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG (virt/kvm/kvm_main.c: kvm_get_dirty_log_protect, kvm_clear_dirty_log_protect). The order is
/// the point: take the bits, write-protect the pages, tell user space, with the TLBs flushed before it sees anything. A write through a
/// stale TLB entry before the flush is covered by the bit that is being reported; bits taken after the protection would lose it.
/// Simplified: no PML; dirty tracking is by write protection.
/// </summary>
public sealed class DirtyLogOperations(Vm vm)
{
    /// <summary>Stands for the vCPU of a write that none of them caused.</summary>
    public const int NoVcpu = -1;

    private bool Protects
    {
        get
        {
            var mutant = vm.Options.Mutant;
            if (mutant == Mutant.GetLogWithoutProtect || mutant == Mutant.ProtectBeforeXchg) return false;
            return mutant != Mutant.AllSetClearDoesNotProtect || vm.Options.DirtyLog != DirtyLogMode.InitiallySet;
        }
    }

    /// <summary><c>mark_page_dirty_in_slot</c>. With rings, what is written without a running vCPU has no ring and goes to the bitmap
    /// (KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP), which user space collects in its final sync.</summary>
    public void MarkPageDirty(Memslot slot, Gfn gfn, int vcpu)
    {
        vm.World.Trace?.Note(null, ModelStep.MarkDirty, 1, $"marks {gfn} dirty");
        var hasRings = vm.Options.DirtyLog == DirtyLogMode.Ring;
        if (hasRings && vcpu != NoVcpu) vm.DirtyRings.Push(vcpu, slot, gfn);
        else if (slot.Bitmap is { } bitmap && !(hasRings && vm.Options.Mutant == Mutant.RingMarkWithoutVcpu)) Mark(bitmap, slot, gfn);
    }

    /// <summary>The second half of enabling: every mapping made before the slot was seen to log is write-protected. The flush does not
    /// depend on having changed an SPTE here: another operation may have changed one without a flush (B9).</summary>
    public async ValueTask ProtectSlotAsync(Operation op, Memslot slot)
    {
        await vm.MmuLock.WriteLockAsync(op);
        var changed = 0;
        for (var gfn = vm.Sptes.NextPopulated(slot.Gfns.Start, slot.Gfns.End); gfn < slot.Gfns.End; gfn += 1)
            changed += vm.Sptes.WriteProtect(gfn) ? 1 : 0;
        vm.World.Trace?.Made(ModelStep.WriteProtect, changed);
        vm.MmuLock.WriteUnlock(op);
        if (changed > 0 || vm.Options.Mutant != Mutant.AccessTrackingWithoutFlush)
            await vm.Flusher.FlushAsync(op, slot.Gfns, FlushReason.DirtyLog);
    }

    /// <summary>KVM_GET_DIRTY_LOG: adds the slot's dirty pages, by their host addresses, to those of <paramref name="target"/>; without
    /// manual protect it also clears and re-protects them.</summary>
    /// <returns>pages reported; -1 when there is no such slot, it does not log, or the VM is dying</returns>
    public async ValueTask<long> GetAsync(Operation op, int slotId, PageSet target)
    {
        if (!vm.Users.TryGet(op, out var user)) return -1;
        var slot = await LookUpAsync(op, slotId);
        long reported = -1;
        if (slot?.Bitmap is { } bitmap)
        {
            vm.Checks.Sptes.SlotUsed(op, slot);
            CheckIsThere(bitmap, slot, slot.BaseGfn, "read");
            reported = bitmap.Pages.Count;
            if (vm.Options.DirtyLog is DirtyLogMode.Bitmap or DirtyLogMode.Ring)
                await TakeAndProtectAsync(op, slot, bitmap, only: null, target);
            else target.UnionWith(bitmap.Pages.Clone());
            vm.Counters.DirtyPagesReported += reported;
            if (reported > 0) vm.World.Reached(ReachedCase.LogReadDirty);
            vm.World.Trace?.Note(op, $"get dirty log of slot {slotId}: {reported} pages");
        }

        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return reported;
    }

    /// <summary>KVM_CLEAR_DIRTY_LOG: clears the bits of <paramref name="pages"/>, and re-protects those that were set.</summary>
    /// <param name="op">the operation</param>
    /// <param name="slotId">the slot</param>
    /// <param name="pages">pages of the slot; their range begins a multiple of 64 pages behind the slot's beginning</param>
    /// <exception cref="ArgumentException">The range of the pages is none of the slot, or does not begin at a word.</exception>
    public async ValueTask<bool> ClearAsync(Operation op, int slotId, PageSet pages)
    {
        if (!vm.Users.TryGet(op, out var user)) return false;
        var slot = await LookUpAsync(op, slotId);
        var found = slot?.Bitmap is not null;
        if (found)
        {
            vm.Checks.Sptes.SlotUsed(op, slot!);
            CheckIsThere(slot!.Bitmap!, slot, slot.BaseGfn, "cleared");
            await TakeAndProtectAsync(op, slot, slot.Bitmap!, pages, target: null);
            vm.Counters.DirtyLogClears++;
            vm.World.Trace?.Note(op, $"clear dirty log of slot {slotId} is done");
        }

        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return found;
    }

    /// <summary>Takes slots_lock, and only then looks the memslot up.</summary>
    private async ValueTask<Memslot?> LookUpAsync(Operation op, int slotId)
    {
        var looks = vm.World.LooksForCases;
        var before = looks ? vm.Memslots.Active.ById(slotId) : null;
        await vm.SlotsLock.AcquireAsync(op);
        var slot = vm.Memslots.Active.ById(slotId);
        if (looks && slot != before) vm.World.Reached(ReachedCase.LookupOutdated);
        return slot;
    }

    private async ValueTask TakeAndProtectAsync(Operation op, Memslot slot, DirtyBitmap bitmap, PageSet? only, PageSet? target)
    {
        var firstWord = only is null ? 0 : FirstWord(slot, only);
        var mask = only?.Words ?? default;
        var taken = new ulong[PageSet.WordsFor(only?.Range.Pages ?? slot.Pages)];
        var any = false;
        await vm.MmuLock.WriteLockAsync(op);
        for (var i = 0; i < taken.Length; i++)
        {
            var word = firstWord + i;
            if (vm.Options.Mutant == Mutant.ProtectBeforeXchg)
            {
                // A fast page fault needs no mmu_lock: it makes a page writable again, and the bit that it sets is taken below.
                Protect(slot, word, bitmap.Pages.Word(word));
                await vm.World.PointAsync(SchedulingPoint.Preempt);
            }

            taken[i] = only is null ? bitmap.TakeWord(word) : bitmap.ClearWord(word, mask.Span[i]);
            if (taken[i] == 0) continue;
            if (any) vm.World.Reached(ReachedCase.LogTakenFromWords);
            any = true;
            if (Protects) Protect(slot, word, taken[i]);
        }

        var epoch = vm.Flusher.NextEpoch();
        vm.World.Trace?.Note(
            op, ModelStep.WriteProtect, taken.Sum(word => (long)System.Numerics.BitOperations.PopCount(word)),
            $"takes the dirty bits of slot {slot.Id}{(any ? " and write-protects" : ", there are none")}");
        vm.MmuLock.WriteUnlock(op);
        if (!any) return;
        await vm.Flusher.FlushAsync(op, slot.Gfns, FlushReason.DirtyLog);
        var reported = PageSet.FromWords(only?.Range ?? slot.Hvas, taken);
        vm.Checks.Tlb.DirtyLogReturns(op, slot, reported, epoch);
        if (target is null) return;
        target.UnionWith(reported);
    }

    private static int FirstWord(Memslot slot, PageSet pages)
    {
        var first = pages.Range.Start - slot.BaseHva;
        return slot.Hvas.Covers(pages.Range) && first % PageSet.PagesPerWord == 0
            ? (int)(first / PageSet.PagesPerWord)
            : throw new ArgumentException($"{pages.Range} is no run of words of memslot {slot.Id}, which is {slot.Hvas}", nameof(pages));
    }

    private void Mark(DirtyBitmap bitmap, Memslot slot, Gfn gfn)
    {
        CheckIsThere(bitmap, slot, gfn, "marked");
        bitmap.Pages.Add(gfn - slot.BaseGfn);
    }

    private void CheckIsThere(DirtyBitmap bitmap, Memslot slot, Gfn gfn, string use)
    {
        vm.Counters.ChecksEvaluated++;
        if (bitmap.IsFreed)
            vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is {use} in the dirty bitmap of memslot {slot.Id} after that was freed", gfn,
                slot.ToHva(gfn));
    }

    /// <summary><c>kvm_arch_mmu_enable_log_dirty_pt_masked</c>.</summary>
    internal void Protect(Memslot slot, int word, ulong mask)
    {
        for (var bits = mask; bits != 0; bits &= bits - 1)
            vm.Sptes.WriteProtect(slot.BaseGfn + (word * 64 + System.Numerics.BitOperations.TrailingZeroCount(bits)));
    }
}
