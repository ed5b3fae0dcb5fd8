using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// <c>kvm_flush_remote_tlbs_range</c>: asks every vCPU at once and returns when all are out of guest mode or have dropped the range. It
/// may be called under mmu_lock: waiting for other CPUs' acknowledgement is not sleeping.
/// </summary>
public sealed class TlbFlusher(Vm vm)
{
    // Even: of a flush, or of another moment that hand-outs are told apart from.
    private Tracked<long> _epoch = new(vm.World, (uint)vm.Options.CountersFrom & ~1L);

    /// <summary>Of a hand-out now: it lies between the last epoch and the next. Hand-outs need no order among themselves.</summary>
    public long HandOutEpoch => _epoch.Value + 1;

    /// <summary>Numbers a moment, so that a check can tell hand-outs before it, which are smaller, from those after it.</summary>
    public long NextEpoch() => _epoch.Value += 2;

    public async ValueTask FlushAsync(Operation op, GfnRange range, FlushReason reason)
    {
        if (IsMutated(reason)) return;
        // The macro moved its arguments to the end of the range, and what came after it saw an empty one (B37).
        if (vm.Options.Mutant == Mutant.FlushOfAnEmptyRange) range = new GfnRange(range.End, 0);
        var point = vm.World.PointAsync(SchedulingPoint.TlbFlush);
        if (!point.IsCompletedSuccessfully) await point;
        vm.Counters.TlbFlushes++;
        var epoch = NextEpoch();
        vm.World.Trace?.Note(op, $"asks {vm.Vcpus.Count} vCPUs to flush {range}");
        // All are asked before any is awaited, as one IPI goes to all CPUs.
        var acknowledgements = new ValueTask[vm.Vcpus.Count];
        for (var i = 0; i < acknowledgements.Length; i++) acknowledgements[i] = vm.Vcpus[i].FlushTlbAsync(op, range);
        foreach (var acknowledgement in acknowledgements) await acknowledgement;
        vm.Checks.Tlb.Flushed(range, epoch);
        vm.World.Trace?.Note(op, $"{range} is flushed");
    }

    private bool IsMutated(FlushReason reason) =>
        (vm.Options.Mutant == Mutant.NoTlbFlush && reason == FlushReason.Invalidation)
        || (vm.Options.Mutant == Mutant.LogFlushSkipped && reason == FlushReason.DirtyLog);
}

/// <summary>Why TLBs are flushed; mutants leave out one reason or the other.</summary>
public enum FlushReason
{
    Invalidation,
    Memslot,
    DirtyLog,
    Ageing,
    Release,
}
