using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Mutants;
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

    private bool Protects => vm.Options.Mutant switch
    {
        Mutant.GetLogWithoutProtect or Mutant.ProtectBeforeXchg => false,
        Mutant.AllSetClearDoesNotProtect => vm.Options.DirtyLog != DirtyLogMode.InitiallySet,
        _ => true,
    };

    /// <summary><c>mark_page_dirty_in_slot</c>. With rings, what is written without a running vCPU has no ring and goes to the bitmap
    /// (KVM_CAP_DIRTY_LOG_RING_WITH_BITMAP), which user space collects in its final sync.</summary>
    public void MarkPageDirty(Memslot slot, Gfn gfn, int vcpu)
    {
        vm.LogState.Writes();
        vm.World.Trace?.Note(null, $"marks {gfn} dirty");
        var hasRings = vm.Options.DirtyLog == DirtyLogMode.Ring;
        if (hasRings && vcpu != NoVcpu) vm.DirtyRings.Push(vcpu, slot, gfn);
        else if (slot.Bitmap is { } bitmap && !(hasRings && vm.Options.Mutant == Mutant.RingMarkWithoutVcpu)) Mark(bitmap, slot, gfn);
    }

    /// <summary>The memslot that had it is no longer to be found.</summary>
    public void Free(DirtyBitmap? bitmap)
    {
        vm.LogState.Writes();
        bitmap?.Free();
    }

    /// <summary>The second half of enabling: every mapping made before the slot was seen to log is write-protected. The flush is not
    /// conditional on having changed an SPTE: somebody else may have, without a flush (B9).</summary>
    public async ValueTask ProtectSlotAsync(Operation op, Memslot slot)
    {
        await vm.MmuLock.WriteLockAsync(op);
        var changed = false;
        for (var gfn = vm.Sptes.NextPopulated(slot.Gfns.Start, slot.Gfns.End); gfn < slot.Gfns.End; gfn += 1)
            changed |= vm.Sptes.WriteProtect(gfn);
        vm.MmuLock.WriteUnlock(op);
        if (changed || vm.Options.Mutant != Mutant.AccessTrackingWithoutFlush)
            await vm.Flusher.FlushAsync(op, slot.Gfns, FlushReason.DirtyLog);
    }

    /// <summary>KVM_GET_DIRTY_LOG: ORs the slot's dirty pages into <paramref name="target"/> (64 pages a word); without manual protect it
    /// also clears and re-protects them.</summary>
    /// <returns>pages reported; -1 when there is no such slot, it does not log, or the VM is dying</returns>
    public async ValueTask<long> GetAsync(Operation op, int slotId, Memory<ulong> target)
    {
        if (!vm.Users.TryGet(op, out var user)) return -1;
        await vm.SlotsLock.AcquireAsync(op);
        var slot = vm.Memslots.Active.ById(slotId);
        long reported = -1;
        vm.LogState.Writes();
        if (slot?.Bitmap is { } bitmap)
        {
            reported = bitmap.Count();
            if (vm.Options.DirtyLog is DirtyLogMode.Bitmap or DirtyLogMode.Ring)
                await TakeAndProtectAsync(op, slot, bitmap, firstWord: 0, null, target);
            else bitmap.OrInto(target.Span);
            vm.Counters.DirtyLogGets++;
            vm.Counters.DirtyPagesReported += reported;
            vm.World.Trace?.Note(op, $"get dirty log of slot {slotId}: {reported} pages");
        }

        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return reported;
    }

    /// <summary>KVM_CLEAR_DIRTY_LOG: clears the bits of <paramref name="pages"/>, which begin at page 64 x <paramref name="firstWord"/> of
    /// the slot, and re-protects those that were set.</summary>
    public async ValueTask<bool> ClearAsync(Operation op, int slotId, ReadOnlyMemory<ulong> pages, int firstWord = 0)
    {
        if (!vm.Users.TryGet(op, out var user)) return false;
        await vm.SlotsLock.AcquireAsync(op);
        var slot = vm.Memslots.Active.ById(slotId);
        var found = slot?.Bitmap is not null;
        if (found)
        {
            await TakeAndProtectAsync(op, slot!, slot!.Bitmap!, firstWord, pages, default);
            vm.Counters.DirtyLogClears++;
            vm.World.Trace?.Note(op, $"clear dirty log of slot {slotId} is done");
        }

        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return found;
    }

    private async ValueTask TakeAndProtectAsync(
        Operation op, Memslot slot, DirtyBitmap bitmap, int firstWord, ReadOnlyMemory<ulong>? only, Memory<ulong> target)
    {
        var snapshot = new ulong[only?.Length ?? bitmap.Words];
        var any = false;
        await vm.MmuLock.WriteLockAsync(op);
        vm.LogState.Writes();
        for (var i = 0; i < snapshot.Length; i++)
        {
            var word = firstWord + i;
            if (vm.Options.Mutant == Mutant.ProtectBeforeXchg)
            {
                // A fast page fault needs no mmu_lock: it makes a page writable again, and the bit that it sets is taken below.
                Protect(slot, word, bitmap.Word(word));
                await vm.World.PointAsync(SchedulingPoint.Preempt);
                vm.LogState.Writes();
            }

            var taken = only is { } mask ? bitmap.ClearWord(word, mask.Span[i]) : bitmap.TakeWord(word);
            if (taken == 0) continue;
            snapshot[i] = taken;
            any = true;
            if (Protects) Protect(slot, word, taken);
        }

        var epoch = vm.Flusher.NextEpoch();
        vm.World.Trace?.Note(op, $"takes the dirty bits of slot {slot.Id}{(any ? " and write-protects" : ", there are none")}");
        vm.MmuLock.WriteUnlock(op);
        if (!any) return;
        await vm.Flusher.FlushAsync(op, slot.Gfns, FlushReason.DirtyLog);
        vm.Checks.DirtyLogReturns(op, slot.BaseGfn + (firstWord * 64L), snapshot, epoch);
        if (target.IsEmpty) return;
        vm.LogState.Writes();
        var words = target.Span;
        for (var word = 0; word < snapshot.Length; word++) words[word] |= snapshot[word];
    }

    private void Mark(DirtyBitmap bitmap, Memslot slot, Gfn gfn)
    {
        vm.Counters.ChecksEvaluated++;
        if (bitmap.IsFreed)
            vm.Violated(
                Invariants.SlotLifetime, $"{gfn} is marked in the dirty bitmap of memslot {slot.Id} after that was freed", gfn.Value,
                slot.ToHva(gfn).Value);
        bitmap.Set(gfn - slot.BaseGfn);
    }

    /// <summary><c>kvm_arch_mmu_enable_log_dirty_pt_masked</c>.</summary>
    internal void Protect(Memslot slot, int word, ulong mask)
    {
        for (var bits = mask; bits != 0; bits &= bits - 1)
            vm.Sptes.WriteProtect(slot.BaseGfn + (word * 64 + System.Numerics.BitOperations.TrailingZeroCount(bits)));
    }
}
