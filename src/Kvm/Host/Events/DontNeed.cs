using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary><c>madvise(MADV_DONTNEED)</c> (<c>zap_page_range</c>): the pages go, the area stays; what is read next is zeroes.</summary>
internal sealed class DontNeed(HostState host) : IHostEventSource
{
    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.ReadLockedAsync(op, mm, async () =>
        {
            var zapped = 0;
            foreach (var (vma, pages) in mm.Pieces(ev.Range))
                zapped += await mm.Ranges.WithinAsync(
                    op, pages, MmuNotifierEvent.Clear, ev.HoldMicroseconds, () => PageTableWalk.ZapAsync(host, op, mm, vma, pages));
            return zapped;
        });
}
