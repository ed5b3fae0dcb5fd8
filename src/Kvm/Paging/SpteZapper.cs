using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// <c>kvm_unmap_gfn_range / tdp_mmu_zap_leafs</c>: makes SPTEs non-present under mmu_lock (write). A long zap yields the lock to waiters
/// after it has flushed what it zapped so far: a flush must never be pending when the lock is dropped.
/// </summary>
public sealed class SpteZapper(Vm vm)
{
    /// <summary>Zaps the range. The caller has zapped <paramref name="pending"/> under the same hold of the lock and not flushed it
    /// yet.</summary>
    /// <returns>what the caller has to flush before it drops the lock; empty when that is nothing</returns>
    public async ValueTask<GfnRange> UnmapAsync(Operation op, GfnRange range, bool mayYield, GfnRange pending = default)
    {
        var zapped = 0;
        var pendingFrom = range.Start;
        for (var gfn = vm.Sptes.NextPopulated(range.Start, range.End); gfn < range.End;)
        {
            var pageEnd = new Gfn((gfn.Value / vm.Sptes.EntriesPerPage + 1) * vm.Sptes.EntriesPerPage);
            var end = pageEnd < range.End ? pageEnd : range.End;
            for (; gfn < end; gfn += 1)
                if (vm.Sptes.Zap(gfn))
                    zapped++;

            gfn = vm.Sptes.NextPopulated(gfn, range.End);
            if (!mayYield || gfn >= range.End || !vm.MmuLock.NeedBreak) continue;
            if (!pending.IsEmpty) vm.World.Reached(ReachedCase.ZapYieldedInNextMemslot);
            if (vm.Options.Mutant != Mutant.ZapYieldDropsFlush)
            {
                if (!pending.IsEmpty && vm.Options.Mutant != Mutant.ZapYieldForgetsMemslotBefore)
                    await vm.Flusher.FlushAsync(op, pending, FlushReason.Invalidation);
                if (zapped > 0) await vm.Flusher.FlushAsync(op, new GfnRange(pendingFrom, gfn - pendingFrom), FlushReason.Invalidation);
            }

            vm.World.Trace?.Made(ModelStep.SpteZap, zapped);
            (zapped, pendingFrom, pending) = (0, gfn, default);
            vm.MmuLock.WriteUnlock(op);
            vm.Counters.MmuLockYields++;
            vm.World.Reached(ReachedCase.ZapYielded);
            await vm.World.PointAsync(SchedulingPoint.Yield);
            await vm.MmuLock.WriteLockAsync(op);
        }

        vm.World.Trace?.Note(op, ModelStep.SpteZap, zapped, $"zaps {range}{(zapped > 0 ? "" : ", nothing mapped")}");
        if (zapped == 0) return pending;
        var zappedLast = new GfnRange(pendingFrom, range.End - pendingFrom);
        if (pending.IsEmpty) return zappedLast;
        // Neighbouring memslots make one flush, others one each; usually there is one memslot.
        if (pending.End == zappedLast.Start) return pending with { Pages = pending.Pages + zappedLast.Pages };
        await vm.Flusher.FlushAsync(op, pending, FlushReason.Invalidation);
        return zappedLast;
    }
}
