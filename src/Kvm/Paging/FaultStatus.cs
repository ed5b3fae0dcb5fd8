namespace Livebed.Kvm.Paging;

/// <summary>How a fault ended for the vCPU that took it.</summary>
public enum FaultStatus : byte
{
    /// <summary>The walk finds an SPTE that permits the access.</summary>
    Mapped,

    /// <summary><c>RET_PF_RETRY</c>: enter the guest again, which faults again.</summary>
    Retry,

    /// <summary>No memslot there, or a write to a read-only one: exit to user space, which emulates the access.</summary>
    Mmio,

    /// <summary>-EFAULT from the host: exit to user space.</summary>
    Error,

    /// <summary><c>KVM_EXIT_DIRTY_RING_FULL</c>.</summary>
    RingFull,

    /// <summary>The VM or its address space is gone.</summary>
    Dead,
}
