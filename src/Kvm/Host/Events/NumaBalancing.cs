using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// <c>task_numa_work</c>: makes PTEs prot_none, so that the next access shows which node uses the page. The pages stay, KVM zaps all the
/// same. mmap_lock is only tried; KSM pages and the zero frame are left alone. Simplified: pages are never moved to another node for it.
/// </summary>
internal sealed class NumaBalancing(HostState host) : IHostEventSource
{
    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        if (!mm.TryGetUser(op)) return HostEventResult.NoAddressSpace;
        try
        {
            if (!mm.MmapLock.TryDownRead(op)) return HostEventResult.Busy;
            try
            {
                return HostEventResult.Of(await ProtectAsync(op, mm, ev));
            }
            finally
            {
                mm.MmapLock.UpRead(op);
            }
        }
        finally
        {
            mm.PutUser(op);
        }
    }

    private async ValueTask<int> ProtectAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var changed = await mm.Pieces(ev.Range).SumAsync((vma, pages) => mm.Ranges.WithinAsync(
            op, pages, MmuNotifierEvent.ProtectionVma, ev.HoldMicroseconds,
            () => PageTableWalk.ChangeAsync(op, mm, vma, pages, (_, pte) => IsCandidate(pte) ? pte.AsProtNone() : pte)));
        return host.Mutant == Mutant.NumaHintsNothing ? (int)ev.Range.Pages : changed;
    }

    private bool IsCandidate(Pte pte) =>
        pte.IsPresent && !pte.IsKsm && pte.Pfn != host.Frames.ZeroFrame && host.Mutant != Mutant.NumaHintsNothing;
}
