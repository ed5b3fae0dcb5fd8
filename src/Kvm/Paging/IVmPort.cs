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
