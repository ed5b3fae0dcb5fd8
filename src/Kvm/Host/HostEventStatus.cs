namespace Livebed.Kvm.Host;

public enum HostEventStatus : byte
{
    Done,

    /// <summary>The range holds nothing that the event applies to; a notification may have been sent all the same, as in the kernel.</summary>
    NothingToDo,

    /// <summary>-EBUSY: a lock that was only tried, a subscriber's -EAGAIN, or a page that somebody holds.</summary>
    Busy,

    /// <summary>No frame or no swap slot left.</summary>
    NoMemory,

    /// <summary>The address space is exiting or gone.</summary>
    NoAddressSpace,

    /// <summary>User space does not do it now: nothing is discarded in memory that a migration is filling (QEMU's <c>ram_block_discard_disable</c>).</summary>
    Refused,
}
