using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// A device driver that shares the VM's address space, such as drivers/misc/sgi-gru or an RDMA driver without on-demand paging: tearing its
/// device mapping down sleeps, so it answers -EAGAIN to a range that may not block. As <c>mmu_notifier_ops</c> asks of one that can
/// fail start, it has no end. Its presence is what makes "start succeeded for some and failed for others" possible (kvm-protocol 2.0, B1).
/// </summary>
public sealed class RefusingSubscriber(string name) : IMmuNotifierSubscriber
{
    public string Name { get; } = name;
    public bool HasChangePte => false;

    /// <summary>Non-blockable ranges that were refused.</summary>
    public long Refusals { get; private set; }

    public ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range)
    {
        if (!range.Blockable) Refusals++;
        return ValueTask.FromResult(range.Blockable);
    }

    public ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range) => ValueTask.CompletedTask;
    public ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn) => ValueTask.CompletedTask;
    public ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush) => ValueTask.FromResult(false);
    public ValueTask<bool> TestYoungAsync(Operation op, HvaRange range) => ValueTask.FromResult(false);
    public ValueTask ReleaseAsync(Operation op) => ValueTask.CompletedTask;
}
