using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;

namespace Livebed.Kvm.Host;

/// <summary>
/// One host memory event (kvm-protocol 6.1) to be run by <see cref="HostMmu.RunEventAsync"/>. Only the part of <paramref name="Range"/>
/// within the address space's areas counts. A KSM scan has no address space of its own: it looks at the next <c>Range.Pages</c> pages of
/// all of them.
/// </summary>
/// <param name="Kind">what happens</param>
/// <param name="AddressSpaceId">the address space of the range</param>
/// <param name="Range">the pages; for a nested range, the outer range</param>
/// <param name="HoldMicroseconds">time that passes between start and end of each range; at most one second</param>
public sealed record HostEvent(HostEventKind Kind, int AddressSpaceId, HvaRange Range, long HoldMicroseconds = 0)
{
    public const long HoldMicrosecondsMax = 1_000_000;
    public const long PagesMax = 1 << 20;

    /// <summary>Fork: how long the child lives, holding the pages, after the fork itself; at most one second.</summary>
    public long ChildMicroseconds { get; init; }

    /// <summary>Nested range: the page that is reclaimed inside; the first of the range when null.</summary>
    public Hva? Inner { get; init; }
}

/// <summary>What an event came to; <paramref name="Pages"/> is how many pages it changed (young pages found,
/// for ageing; pages looked at, for a KSM scan).</summary>
public readonly record struct HostEventResult(HostEventStatus Status, int Pages)
{
    public static readonly HostEventResult NoAddressSpace = new(HostEventStatus.NoAddressSpace, 0);
    public static readonly HostEventResult Busy = new(HostEventStatus.Busy, 0);
    public static readonly HostEventResult Refused = new(HostEventStatus.Refused, 0);

    /// <summary>Done, or nothing to do when no page was concerned.</summary>
    public static HostEventResult Of(int pages) => new(pages > 0 ? HostEventStatus.Done : HostEventStatus.NothingToDo, pages);
}

public enum HostEventStatus : byte
{
    Done,

    /// <summary>The range holds nothing that the event applies to; a notification may have been sent all the same, as in the
    /// kernel.</summary>
    NothingToDo,

    /// <summary>-EBUSY: a lock that was only tried, a subscriber's -EAGAIN, or a page with another reference.</summary>
    Busy,

    /// <summary>No frame or no swap slot left.</summary>
    NoMemory,

    /// <summary>The address space is exiting or gone.</summary>
    NoAddressSpace,

    /// <summary>User space does not do it now: nothing is discarded in memory that a migration is filling (QEMU's
    /// <c>ram_block_discard_disable</c>).</summary>
    Refused,
}
