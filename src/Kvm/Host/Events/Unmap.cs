using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// <c>munmap</c> and <c>mmap</c> of the same range again, in one call as <c>mmap(MAP_FIXED)</c> does it. All of it runs under mmap_lock
/// (write), so no guest fault meets the hole; that would be an error of user space and not of KVM. One UNMAP range for each area.
/// </summary>
internal sealed class Unmap(HostState host) : IHostEventSource
{
    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.WriteLockedAsync(op, mm, () => mm.Pieces(ev.Range).SumAsync((vma, pages) => mm.Ranges.WithinAsync(
            op, Announced(pages), MmuNotifierEvent.Unmap, ev.HoldMicroseconds, () => PageTableWalk.ZapAsync(host, op, mm, vma, pages))));

    /// <summary>What subscribers are told. CVE-2021-4002 told them of one page where a shared page table with many went.</summary>
    private HvaRange Announced(HvaRange pages) => host.Mutant == Mutant.RangeTooNarrow ? new HvaRange(pages.Start, 1) : pages;
}
