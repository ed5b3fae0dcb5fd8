using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// <c>fork</c> (<c>copy_page_range</c>): the range becomes read-only inside a PROTECTION_PAGE range, and a child maps the same frames until
/// it exits later. A guest write before that exit breaks COW; one after it reuses the page. What the child sees until then is what it was
/// born with (S13). Simplified: the child is a list of mappings without page tables; pages in swap are not shared with it.
/// </summary>
internal sealed class Fork(HostState host) : IHostEventSource
{
    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var child = new List<ChildPage>();
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
            Compare(op, mm, child);
            return result;
        }
        finally
        {
            foreach (var page in child) host.Frames.Unmap(page.Pfn);
        }
    }

    private Pte Share(AddressSpace mm, Hva hva, Pte pte, List<ChildPage> child)
    {
        if (!pte.IsPresent || pte.Pfn == host.Frames.ZeroFrame) return pte;
        host.Frames.Map(pte.Pfn, mm.Id, hva);
        lock (mm.Bus) child.Add(new ChildPage(hva, pte.Pfn, host.Frames.Words(pte.Pfn)));
        return host.Mutant == Mutant.ForkLeavesWritable ? pte : pte.AsReadOnly();
    }

    /// <summary>The child looks at its memory for the last time: no write of its parent has reached it.</summary>
    private void Compare(Operation op, AddressSpace mm, List<ChildPage> child)
    {
        host.Counters.AddChecks(child.Count);
        foreach (var (hva, pfn, born) in child)
        {
            (ulong First, ulong Last) now;
            lock (mm.Bus) now = host.Frames.Words(pfn);
            if (now == born) continue;
            host.World.Observer.Violated(new Violation(
                Invariants.SharedPage,
                $"a child of {mm.Name} finds 0x{now.First:x} and 0x{now.Last:x} at {hva}, where 0x{born.First:x} was when it was born",
                mm.Name, Hva: hva, Pfn: pfn, Operations: [op.Id]));
        }
    }

    /// <summary>A mapping of the child, and the first and the last word of the page at its birth.</summary>
    private readonly record struct ChildPage(Hva Hva, Pfn Pfn, (ulong First, ulong Last) Born);
}
