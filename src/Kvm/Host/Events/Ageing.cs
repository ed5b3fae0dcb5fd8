using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// Was the memory used lately? <c>clear_flush_young</c> (reclaim), <c>clear_young</c> (multi-generation LRU) and <c>test_young</c> (idle
/// page tracking), by turns. No start and no end: nothing is taken away. Through the rmap, page by page. Host PTEs have no accessed bit
/// here.
/// </summary>
internal sealed class Ageing(HostState host) : IHostEventSource
{
    private Tracked<long> _turn = new(host.World);

    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        var turn = _turn.Value++ % 3;
        await mm.RmapLock.DownReadAsync(op);
        try
        {
            var young = 0;
            foreach (var (vma, pages) in mm.Pieces(ev.Range))
                for (var hva = pages.Start; hva < pages.End; hva += 1)
                {
                    if (!vma.PteAt(hva).IsPresent) continue;
                    var page = new HvaRange(hva, 1);
                    var found = turn == 2
                        ? await mm.Subscriptions.TestYoungAsync(op, page)
                        : await mm.Subscriptions.ClearYoungAsync(op, page, flush: turn == 0);
                    if (found) young++;
                }

            return HostEventResult.Of(young);
        }
        finally
        {
            if (host.Mutant != Mutant.AgeingKeepsRmapLock) mm.RmapLock.UpRead(op);
        }
    }
}
