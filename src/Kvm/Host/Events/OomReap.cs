using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// The OOM reaper (<c>__oom_reap_task_mm</c>), the only caller that may not block. It tries mmap_lock, and its range is non-blockable. When
/// a subscriber returns -EAGAIN nothing was changed and the answer is -EBUSY. Simplified: the process lives on and finds zeroes.
/// </summary>
internal sealed class OomReap(HostState host) : IHostEventSource
{
    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        if (!mm.TryGetUser(op)) return HostEventResult.NoAddressSpace;
        try
        {
            if (!mm.MmapLock.TryDownRead(op)) return HostEventResult.Busy;
            try
            {
                var reaped = 0;
                foreach (var (vma, pages) in mm.Pieces(ev.Range))
                {
                    if (await TryReapAsync(op, mm, vma, pages, ev.HoldMicroseconds) is not { } zapped)
                        return new(HostEventStatus.Busy, reaped);
                    reaped += zapped;
                }

                return HostEventResult.Of(reaped);
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

    private async ValueTask<int?> TryReapAsync(Operation op, AddressSpace mm, Vma vma, HvaRange pages, long holdMicroseconds)
    {
        if (await mm.Ranges.TryStartNonBlockableAsync(op, pages, MmuNotifierEvent.Clear) is not { } range) return null;
        try
        {
            await mm.Ranges.WorkAsync(holdMicroseconds);
            return await PageTableWalk.ZapAsync(host, op, mm, vma, pages);
        }
        finally
        {
            await host.StepAsync();
            await mm.Ranges.EndAsync(op, range);
        }
    }
}
