using Livebed.Kvm.Addresses;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// <c>kvm_unmap_gfn_range / tdp_mmu_zap_leafs</c>: makes SPTEs non-present under mmu_lock (write). A long zap yields the lock to those who
/// wait for it, after flushing what it zapped so far: a pending flush must never survive a dropped lock.
/// </summary>
public sealed class SpteZapper(Vm vm)
{
    /// <summary>Zaps the range; the caller flushes if the answer is true (some SPTE was present).</summary>
    public async ValueTask<bool> UnmapAsync(Operation op, GfnRange range, bool mayYield)
    {
        var zapped = false;
        var pendingFrom = range.Start;
        for (var gfn = vm.Sptes.NextPopulated(range.Start, range.End); gfn < range.End;)
        {
            var pageEnd = new Gfn((gfn.Value / vm.Sptes.EntriesPerPage + 1) * vm.Sptes.EntriesPerPage);
            var end = pageEnd < range.End ? pageEnd : range.End;
            for (; gfn < end; gfn += 1)
                if (vm.Sptes.Zap(gfn))
                    zapped = true;

            gfn = vm.Sptes.NextPopulated(gfn, range.End);
            if (!mayYield || gfn >= range.End || !vm.MmuLock.NeedBreak) continue;
            if (zapped && vm.Options.Mutant != Mutant.ZapYieldDropsFlush)
                await vm.Flusher.FlushAsync(op, new GfnRange(pendingFrom, gfn - pendingFrom), FlushReason.Invalidation);
            (zapped, pendingFrom) = (false, gfn);
            vm.MmuLock.WriteUnlock(op);
            vm.Counters.MmuLockYields++;
            await vm.World.PointAsync(SchedulingPoint.Yield);
            await vm.MmuLock.WriteLockAsync(op);
        }

        vm.World.Trace?.Note(op, $"zaps {range}{(zapped ? "" : ", nothing mapped")}");
        return zapped;
    }
}
