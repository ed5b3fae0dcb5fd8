using System.Numerics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// One KVM_RESET_DIRTY_RINGS (<c>kvm_dirty_ring_reset</c> of virt/kvm/dirty_ring.c), under slots_lock. It consumes harvested entries in
/// order and gathers neighbours of one memslot in a mask of 64 pages. It protects a mask at a time under mmu_lock, and flushes when all
/// rings are done. User space can write entries, harvest them and mark them RESET again while it runs. So offsets are checked, and a ring
/// gives at most as many entries as it has. Everything that was harvested before the call is among those. Simplified: the kernel's bound is
/// INT_MAX over all rings.
/// </summary>
[Untracked("an object of one operation")]
internal sealed class DirtyRingReset(Vm vm, Operation op)
{
    private const int MaskPages = 64;

    private readonly Dictionary<Memslot, PageSet> _protected = [];
    private readonly List<(Memslot Slot, Hva Page)> _owed = [];
    private DirtyRingEntry _first;
    private ulong _mask;

    public async ValueTask RunAsync(IReadOnlyList<DirtyRing> rings)
    {
        for (var i = 0; i < rings.Count; i++) await ConsumeAsync(rings[i]);
        JudgeOwed();
        var epoch = vm.Flusher.NextEpoch();
        foreach (var (slot, pages) in _protected)
        {
            await vm.Flusher.FlushAsync(op, slot.Gfns, FlushReason.DirtyLog);
            vm.Checks.Tlb.DirtyLogReturns(op, slot, pages, epoch);
        }
    }

    private async ValueTask ConsumeAsync(DirtyRing ring)
    {
        for (var taken = 0; taken < ring.Entries || vm.Options.Mutant == Mutant.RingResetUnbounded;)
        {
            if (!ring.TryReset(out var entry)) break;
            Judge(ring, entry, ++taken);
            if (TryGather(entry)) continue;
            await ProtectGatheredAsync();
            (_first, _mask) = (entry, 1);
        }

        await ProtectGatheredAsync();
    }

    /// <summary>Adds the entry to the mask, if it is of the same memslot and near enough, before or after.</summary>
    private bool TryGather(in DirtyRingEntry entry)
    {
        if (_mask == 0 || entry.SlotId != _first.SlotId) return false;
        if (entry.Instance != _first.Instance && vm.Options.Mutant != Mutant.RingResetMixesMemslots) return false;
        var delta = unchecked((long)(entry.Offset - _first.Offset));
        if (delta is >= 0 and < MaskPages)
        {
            _mask |= 1UL << (int)delta;
            return true;
        }

        // Backwards, as long as nothing falls out of the mask at its other end.
        if (delta is >= 0 or <= -MaskPages || _mask << (int)-delta >> (int)-delta != _mask) return false;
        (_first, _mask) = (entry, (_mask << (int)-delta) | 1);
        return true;
    }

    /// <summary><c>kvm_reset_dirty_gfn</c>: a memslot that is gone, or a mask that reaches out of it, is skipped.</summary>
    private async ValueTask ProtectGatheredAsync()
    {
        var (first, mask) = (_first, _mask);
        var taken = mask;
        _mask = 0;
        if (mask == 0) return;
        if (vm.Memslots.Active.ById(first.SlotId) is not { } slot || slot.Instance != first.Instance)
        {
            vm.World.Reached(ReachedCase.RingEntryOutdated);
            return;
        }

        var last = unchecked(first.Offset + (ulong)BitOperations.Log2(mask));
        // The sum can wrap, so the first page is checked by itself (CVE-2026-52969).
        if (last >= (ulong)slot.Pages || (first.Offset >= (ulong)slot.Pages && vm.Options.Mutant != Mutant.RingOffsetUnchecked))
        {
            vm.World.Reached(ReachedCase.RingEntryOutdated);
            return;
        }

        await vm.MmuLock.WriteLockAsync(op);
        var changed = 0UL;
        if (!_protected.TryGetValue(slot, out var pages)) _protected[slot] = pages = new PageSet(slot.Hvas);
        for (; mask != 0; mask &= mask - 1)
        {
            var page = unchecked((long)(first.Offset + (ulong)BitOperations.TrailingZeroCount(mask)));
            if (!IsInside(slot, page)) continue;
            pages.Add(page);
            if (vm.Options.Mutant != Mutant.RingResetWithoutProtect && vm.Sptes.WriteProtect(slot.BaseGfn + page))
                changed |= mask & (~mask + 1);
        }

        vm.World.Trace?.Note(
            op, $"ring reset takes pages {PagesOf(first, taken)} of memslot {slot.Id} and write-protects {PagesOf(first, changed)}");

        vm.MmuLock.WriteUnlock(op);
    }

    /// <summary>For a witness: "0, 3", or "none".</summary>
    private static string PagesOf(in DirtyRingEntry first, ulong mask)
    {
        if (mask == 0) return "none";
        var offset = first.Offset;
        return string.Join(
            ", ",
            Enumerable.Range(0, MaskPages).Where(bit => (mask >> bit & 1) != 0).Select(bit => unchecked((long)(offset + (ulong)bit))));
    }

    private void Judge(DirtyRing ring, in DirtyRingEntry entry, int taken)
    {
        vm.Counters.ChecksEvaluated += 2;
        if (ring.HasOvertakenHarvest)
            vm.Violated(
                Invariants.RingFidelity,
                $"a ring reset consumes page {entry.Offset} of memslot {entry.SlotId}, which user space has not harvested",
                operations: op.Id);
        if (taken > ring.Entries)
            vm.Violated(
                Invariants.MigrationProgress, $"one ring reset has consumed {taken} entries of a ring of {ring.Entries} and goes on",
                operations: op.Id);

        // slots_lock is held, so what is there now is there to the end of the reset.
        if (!ring.IsTampered && vm.Memslots.Active.ById(entry.SlotId) is { } slot && slot.Instance == entry.Instance)
            _owed.Add((slot, slot.BaseHva + (long)entry.Offset));
    }

    /// <summary>Every page whose memslot is there was in a mask that was protected.</summary>
    private void JudgeOwed()
    {
        foreach (var (slot, page) in _owed)
        {
            vm.Counters.ChecksEvaluated++;
            if (_protected.TryGetValue(slot, out var pages) && pages.Contains(page)) continue;
            vm.Violated(
                Invariants.RingFidelity, $"a ring reset consumes page {page - slot.BaseHva} of memslot {slot.Id} and does not protect it",
                slot.BaseGfn + (page - slot.BaseHva), page, operations: op.Id);
        }
    }

    private bool IsInside(Memslot slot, long page)
    {
        vm.Counters.ChecksEvaluated++;
        if (page >= 0 && page < slot.Pages) return true;
        vm.Violated(
            Invariants.RingFidelity, $"a ring reset write-protects page {page} of memslot {slot.Id}, which has {slot.Pages}",
            slot.BaseGfn + page, operations: op.Id);
        return false;
    }
}
