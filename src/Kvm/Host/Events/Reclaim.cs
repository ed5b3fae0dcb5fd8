using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// Reclaim (<c>shrink_folio_list</c>): swaps out what can be of the range, one CLEAR range a page, under the rmap lock, which it only
/// tries. It holds no mm_users and no mmap_lock, so the address space may exit under it.
/// </summary>
internal sealed class Reclaim(HostState host) : IHostEventSource
{
    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        if (!mm.RmapLock.TryDownRead(op)) return HostEventResult.Busy;
        try
        {
            int swapped = 0, tried = 0;
            foreach (var (vma, pages) in mm.Pieces(ev.Range))
                for (var hva = pages.Start; hva < pages.End; hva += 1)
                {
                    if (!SwapOut.IsCandidate(host, vma.PteAt(hva))) continue;
                    if (!host.Swap.HasRoom) return new HostEventResult(HostEventStatus.NoMemory, swapped);
                    tried++;
                    swapped += await ReclaimPageAsync(op, mm, vma, hva, ev.HoldMicroseconds);
                }

            return tried > 0 && swapped == 0 ? HostEventResult.Busy : HostEventResult.Of(swapped);
        }
        finally
        {
            mm.RmapLock.UpRead(op);
        }
    }

    private ValueTask<int> ReclaimPageAsync(Operation op, AddressSpace mm, Vma vma, Hva hva, long holdMicroseconds) =>
        mm.Ranges.WithinAsync(
            op, new HvaRange(hva, 1), MmuNotifierEvent.Clear, holdMicroseconds,
            async () => await SwapOut.TryUnmapAsync(host, op, mm, vma, hva) ? 1 : 0);
}
