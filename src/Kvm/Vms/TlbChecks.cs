using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// What a TLB may hold (S5): every hand-out of a translation and every flush has its number in one sequence. A vCPU may still cache a
/// hand-out that is older than the last finished flush, so no vCPU is asked.
/// </summary>
public sealed class TlbChecks
{
    private readonly Vm _vm;

    internal TlbChecks(Vm vm) => _vm = vm;

    /// <summary>A walk gives an SPTE to a vCPU, which may keep it in its TLB until a flush that begins later has ended.</summary>
    public void HandedOut(Gfn gfn)
    {
        ref var spte = ref _vm.Sptes[gfn];
        if (spte.IsAccessTracked)
            _vm.Violated(
                Invariants.NoStaleTranslation, $"a TLB takes the SPTE of {gfn}, which ageing has taken out of the hardware's sight", gfn,
                new Hva(spte.Hva), new Pfn(spte.Pfn));
        spte.Flags |= SpteFlags.Accessed;
        spte.HandedOut = _vm.Flusher.HandOutEpoch;
        if (spte.IsWritable) spte.HandedOutWritable = spte.HandedOut;
    }

    /// <summary>A flush that began at <paramref name="epoch"/> has ended on all vCPUs.</summary>
    public void Flushed(GfnRange range, long epoch)
    {
        for (var gfn = _vm.Sptes.NextPopulated(range.Start, range.End); gfn < range.End;)
        {
            var pageEnd = new Gfn((gfn.Value / _vm.Sptes.EntriesPerPage + 1) * _vm.Sptes.EntriesPerPage);
            for (var end = pageEnd < range.End ? pageEnd : range.End; gfn < end; gfn += 1)
            {
                _vm.Sptes.TryGet(gfn, out var seen);
                if (!IsBefore(seen.HandedOut, epoch) && !IsBefore(seen.HandedOutWritable, epoch)) continue;
                ref var spte = ref _vm.Sptes[gfn];
                if (spte.HandedOut < epoch) spte.HandedOut = 0;
                if (spte.HandedOutWritable < epoch) spte.HandedOutWritable = 0;
            }

            gfn = _vm.Sptes.NextPopulated(gfn, range.End);
        }
    }

    /// <summary>User space is about to see that these pages were dirty: no TLB may still write them unseen.</summary>
    public void DirtyLogReturns(Operation op, Memslot slot, PageSet reported, long epoch)
    {
        _vm.Counters.ChecksEvaluated++;
        foreach (var hva in reported)
        {
            var gfn = slot.BaseGfn + (hva - slot.BaseHva);
            _vm.Sptes.TryGet(gfn, out var spte);
            if (spte.HandedOutWritable == 0 || spte.HandedOutWritable > epoch) continue;
            _vm.Violated(
                Invariants.FlushBeforeFree, $"the dirty log returns {gfn} while a TLB may still hold it writable", gfn, new Hva(spte.Hva),
                new Pfn(spte.Pfn), op.Id);
            return;
        }
    }

    private static bool IsBefore(long handedOut, long epoch) => handedOut != 0 && handedOut < epoch;
}
