using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>What a vCPU asks of its VM.</summary>
public interface IVmPort
{
    /// <summary>A TLB miss or a permission fault: the hardware walk and, if it fails, <c>kvm_mmu_page_fault</c>.</summary>
    ValueTask<FaultReply> FaultAsync(Operation op, int vcpu, Gfn gfn, bool write);

    /// <summary>User space's answer to KVM_EXIT_DIRTY_RING_FULL: reap and reset the rings.</summary>
    ValueTask ReapDirtyRingsAsync(Operation op);
}

/// <summary>
/// Answer to a TLB miss. When Mapped, the walk's result, and the present neighbours that lie in the same cache line of the page table. A
/// hardware walk reads eight entries at once, so a sequential guest does not pay a call for each page. Dirtied says that this fault put the
/// page into the dirty log, as <c>cpu->dirty_pages</c> of QEMU counts it; also when it has to be retried after that. IsRefill says that the
/// walk alone has answered: a TLB refill, and no fault.
/// </summary>
public readonly record struct FaultReply(
    FaultStatus Status, Translation Translation = default, Translation[]? Neighbours = null, bool Dirtied = false,
    bool IsRefill = false);

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
