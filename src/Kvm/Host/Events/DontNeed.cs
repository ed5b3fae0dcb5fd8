using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary><c>madvise(MADV_DONTNEED)</c> (<c>zap_page_range</c>): the pages go, the area stays; what is read next is zeroes.</summary>
internal sealed class DontNeed(HostState host) : IHostEventSource
{
    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.ReadLockedAsync(op, mm, () => mm.Pieces(ev.Range).SumAsync((vma, pages) => mm.Ranges.WithinAsync(
            op, pages, MmuNotifierEvent.Clear, ev.HoldMicroseconds, () => PageTableWalk.ZapAsync(host, op, mm, vma, pages))));
}
