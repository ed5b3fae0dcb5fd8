using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>struct mmu_notifier_ops</c> as a host calls it: the way from the primary MMU to one VM. Calls may cross the network; what the
/// operation holds when a call returns is in <see cref="Operation.Held"/> again.
/// </summary>
public interface IMmuNotifierSubscriber
{
    /// <summary>Name of the VM, for witnesses.</summary>
    string Name { get; }

    /// <summary>Whether <c>.change_pte</c> is implemented (kernels before 6.10).</summary>
    bool HasChangePte { get; }

    /// <summary><c>invalidate_range_start</c>: when it returns true, no SPTE or TLB entry for the range is left and none will be made
    /// until the end. False is -EAGAIN, allowed for non-blockable ranges only; then no end follows for this subscriber.</summary>
    ValueTask<bool> InvalidateRangeStartAsync(Operation op, MmuNotifierRange range);

    /// <summary><c>invalidate_range_end</c>: the pages may be freed already.</summary>
    ValueTask InvalidateRangeEndAsync(Operation op, MmuNotifierRange range);

    /// <summary><c>change_pte</c>, inside start and end.</summary>
    ValueTask ChangePteAsync(Operation op, Hva hva, Pfn pfn);

    /// <summary><c>clear_flush_young</c> (flush) and <c>clear_young</c> (no flush): was a page of the range accessed since the last
    /// time?</summary>
    ValueTask<bool> ClearYoungAsync(Operation op, HvaRange range, bool flush);

    /// <summary><c>test_young</c>.</summary>
    ValueTask<bool> TestYoungAsync(Operation op, HvaRange range);

    /// <summary><c>release</c>: the address space goes away, or the VM unregisters; zap everything. May be called twice, also at
    /// once.</summary>
    ValueTask ReleaseAsync(Operation op);
}

/// <summary>
/// <c>struct mmu_notifier_range</c>. <paramref name="RangeId"/> is unique within a host: start and end of one range carry the same, which
/// the kernel does not need and the checks do.
/// </summary>
public readonly record struct MmuNotifierRange(long RangeId, HvaRange Pages, MmuNotifierEvent Event, bool Blockable);

/// <summary><c>enum mmu_notifier_event</c>. KVM ignores it: every start zaps.</summary>
public enum MmuNotifierEvent : byte
{
    Unmap,
    Clear,
    ProtectionVma,
    ProtectionPage,
    SoftDirty,
}

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
    [Untracked("statistics")]
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
