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
        else if (vm.Options.UsesDirtyBitmap && slot.Bitmap is { } bitmap && !(hasRings && vm.Options.Mutant == Mutant.RingMarkWithoutVcpu))
            Mark(bitmap, slot, gfn);
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
    public async ValueTask<DirtyLogResult> GetAsync(Operation op, int slotId, PageSet target)
    {
        if (!vm.Users.TryGet(op, out var user)) return DirtyLogResult.Dead;
        var slot = await LookUpAsync(op, slotId);
        var result = Refusal(slotId, slot);
        if (result.IsOk && slot?.Bitmap is { } bitmap)
        {
            vm.Checks.Sptes.SlotUsed(op, slot);
            CheckIsThere(bitmap, slot, slot.BaseGfn, "read");
            var reported = bitmap.Pages.Count;
            result = result with { Pages = reported };
            if (vm.Options.DirtyLog is DirtyLogMode.Bitmap or DirtyLogMode.Ring)
                await TakeAndProtectAsync(op, slot, bitmap, only: null, target);
            else target.UnionWith(bitmap.Pages.Clone());
            vm.Counters.DirtyPagesReported += reported;
            if (reported > 0) vm.World.Reached(ReachedCase.LogReadDirty);
            vm.World.Trace?.Note(op, $"get dirty log of slot {slotId}: {reported} pages");
        }

        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return result;
    }

    /// <summary>KVM_CLEAR_DIRTY_LOG: clears the bits of <paramref name="pages"/>, and re-protects those that were set.</summary>
    /// <param name="op">the operation</param>
    /// <param name="slotId">the slot</param>
    /// <param name="pages">pages of the slot, by their host addresses; first page and number of their range are multiples of 64, but for
    /// a range that goes to the slot's end</param>
    public ValueTask<DirtyLogResult> ClearAsync(Operation op, int slotId, PageSet pages) =>
        ClearAsync(op, slotId, slot => new DirtyLogPart(pages.Range.Start - slot.BaseHva, pages.Range.Pages, pages.Words));

    /// <summary>The same, as the ioctl has it: a first page that begins no word is refused before the slot is looked for.</summary>
    public async ValueTask<DirtyLogResult> ClearAsync(Operation op, int slotId, DirtyLogPart part)
    {
        var isOdd = vm.Options.UsesDirtyBitmap && part.First % PageSet.PagesPerWord != 0;
        return isOdd ? new DirtyLogResult(DirtyLogStatus.Invalid) : await ClearAsync(op, slotId, _ => part);
    }

    private async ValueTask<DirtyLogResult> ClearAsync(Operation op, int slotId, Func<Memslot, DirtyLogPart> find)
    {
        if (!vm.Users.TryGet(op, out var user)) return DirtyLogResult.Dead;
        var slot = await LookUpAsync(op, slotId);
        var result = Refusal(slotId, slot);
        if (result.IsOk && slot is not null)
        {
            var part = find(slot);
            result = new DirtyLogResult(part.IsOf(slot) ? DirtyLogStatus.Ok : DirtyLogStatus.Invalid);
            if (result.IsOk) await ClearLockedAsync(op, slot, part);
        }

        vm.SlotsLock.Release(op);
        vm.Users.Put(op, user);
        return result;
    }

    private async ValueTask ClearLockedAsync(Operation op, Memslot slot, DirtyLogPart part)
    {
        vm.Checks.Sptes.SlotUsed(op, slot);
        CheckIsThere(slot.Bitmap!, slot, slot.BaseGfn, "cleared");
        await TakeAndProtectAsync(op, slot, slot.Bitmap!, part, target: null);
        vm.Counters.DirtyLogClears++;
        vm.World.Trace?.Note(op, $"clear dirty log of slot {slot.Id} is done");
    }

    /// <summary>What get and clear say before they look at anything else; Ok when they go on.</summary>
    private DirtyLogResult Refusal(int slotId, Memslot? slot)
    {
        if (!vm.Options.UsesDirtyBitmap) return new DirtyLogResult(DirtyLogStatus.NoBitmap);
        if (slotId is < 0 or >= MemslotUpdater.FirstPrivateId) return new DirtyLogResult(DirtyLogStatus.Invalid);
        return new DirtyLogResult(slot?.Bitmap is null ? DirtyLogStatus.NoSlot : DirtyLogStatus.Ok);
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

    private async ValueTask TakeAndProtectAsync(Operation op, Memslot slot, DirtyBitmap bitmap, DirtyLogPart? only, PageSet? target)
    {
        var firstWord = (int)((only?.First ?? 0) / PageSet.PagesPerWord);
        var mask = only?.Bits ?? default;
        var taken = new ulong[PageSet.WordsFor(only?.Pages ?? slot.Pages)];
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

            if (only is not null) taken[i] = bitmap.ClearWord(word, mask.Span[i]);
            else taken[i] = vm.Options.Mutant == Mutant.GetKeepsBits ? bitmap.Pages.Word(word) : bitmap.TakeWord(word);
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
        var range = only is { } part ? new HvaRange(slot.BaseHva + part.First, part.Pages) : slot.Hvas;
        var reported = PageSet.FromWords(range, taken);
        vm.Checks.Tlb.DirtyLogReturns(op, slot, reported, epoch);
        if (target is null) return;
        target.UnionWith(reported);
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

/// <summary>A part of a memslot's log, as KVM_CLEAR_DIRTY_LOG names it.</summary>
/// <param name="First">page of the slot</param>
/// <param name="Pages">how many</param>
/// <param name="Bits">those that are to be cleared, from <paramref name="First"/> on, 64 a word</param>
public readonly record struct DirtyLogPart(long First, long Pages, ReadOnlyMemory<ulong> Bits)
{
    /// <summary>The checks of <c>kvm_clear_dirty_log_protect</c>.</summary>
    internal bool IsOf(Memslot slot) =>
        First >= 0 && First % PageSet.PagesPerWord == 0 && First <= slot.Pages && Pages <= slot.Pages - First
            && (Pages == slot.Pages - First || Pages % PageSet.PagesPerWord == 0);
}

/// <summary>The answer of KVM_GET_DIRTY_LOG and KVM_CLEAR_DIRTY_LOG.</summary>
/// <param name="Status">by the errno that the ioctl returns</param>
/// <param name="Pages">pages that a get reports</param>
public readonly record struct DirtyLogResult(DirtyLogStatus Status, long Pages = 0)
{
    internal static readonly DirtyLogResult Dead = new(DirtyLogStatus.Dead);

    public bool IsOk => Status == DirtyLogStatus.Ok;
}

/// <summary>How KVM_GET_DIRTY_LOG or KVM_CLEAR_DIRTY_LOG ended.</summary>
public enum DirtyLogStatus : byte
{
    Ok,

    /// <summary>-ENOENT: no such slot, or it does not log.</summary>
    NoSlot,

    /// <summary>-EINVAL: an id that user space cannot have, or pages that are no run of words of the slot.</summary>
    Invalid,

    /// <summary>-ENXIO: this VM has rings, and no bitmap beside them.</summary>
    NoBitmap,

    /// <summary>The VM is being destroyed.</summary>
    Dead,
}
