using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// Two ranges of one task, one inside the other: an mprotect over the range needs memory and reclaims one page of it (direct reclaim).
/// Start A, start B, end B, end A: the case in which a fair rwsem held from start to end can deadlock (kvm-protocol 2.2). Inside, locks are
/// only tried, as direct reclaim does, because outside they are taken in the other order.
/// </summary>
internal sealed class NestedRange(HostState host) : IHostEventSource
{
    public ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev) =>
        ProcessTask.WriteLockedAsync(op, mm, async () =>
        {
            var pieces = mm.Pieces(ev.Range);
            if (!pieces.MoveNext()) return 0;
            var (vma, pages) = pieces.Current;
            return await mm.Ranges.WithinAsync(op, pages, MmuNotifierEvent.ProtectionVma, ev.HoldMicroseconds, async () =>
            {
                var inner = ev.Inner is { } asked && pages.Contains(asked) ? asked : pages.Start;
                var swapped = await DirectReclaimAsync(op, mm, vma, inner, ev.HoldMicroseconds);
                return swapped + await PageTableWalk.ChangeAsync(op, mm, vma, pages, (_, pte) => pte.IsPresent ? pte.AsReadOnly() : pte);
            });
        });

    private async ValueTask<int> DirectReclaimAsync(Operation op, AddressSpace mm, Vma vma, Hva hva, long holdMicroseconds)
    {
        if (!mm.RmapLock.TryDownRead(op)) return 0;
        try
        {
            return await mm.Ranges.WithinAsync(
                op, new HvaRange(hva, 1), MmuNotifierEvent.Clear, holdMicroseconds,
                async () => await SwapOut.TryUnmapAsync(host, op, mm, vma, hva) ? 1 : 0);
        }
        finally
        {
            mm.RmapLock.UpRead(op);
        }
    }
}
