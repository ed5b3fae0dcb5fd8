using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// <c>fork</c> (<c>copy_page_range</c>): the range becomes read-only inside a PROTECTION_PAGE range, and a child maps the same frames until
/// it exits later. A guest write before that exit breaks COW; one after it reuses the page. Simplified: the child is a list of mappings
/// without page tables; pages in swap are not shared with it.
/// </summary>
internal sealed class Fork(HostState host) : IHostEventSource
{
    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var child = new List<Pfn>();
        try
        {
            var result = await ProcessTask.WriteLockedAsync(op, mm, async () =>
            {
                foreach (var (vma, pages) in mm.Pieces(ev.Range))
                    await mm.Ranges.WithinAsync(
                        op, pages, MmuNotifierEvent.ProtectionPage, ev.HoldMicroseconds,
                        () => PageTableWalk.ChangeAsync(op, mm, vma, pages, (hva, pte) => Share(mm, hva, pte, child)));
                return child.Count;
            });
            if (child.Count > 0) await host.World.DelayAsync(ev.ChildMicroseconds);
            return result;
        }
        finally
        {
            foreach (var pfn in child) host.Frames.Unmap(pfn);
        }
    }

    private Pte Share(AddressSpace mm, Hva hva, Pte pte, List<Pfn> child)
    {
        if (!pte.IsPresent || pte.Pfn == host.Frames.ZeroFrame) return pte;
        host.Frames.Map(pte.Pfn, mm.Id, hva);
        child.Add(pte.Pfn);
        return pte.AsReadOnly();
    }
}
