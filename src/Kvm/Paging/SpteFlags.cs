namespace Livebed.Kvm.Paging;

/// <summary>Bits of a leaf SPTE (arch/x86/kvm/mmu/spte.h) that the model needs; the page size is always 4 KiB.</summary>
[Flags]
public enum SpteFlags
{
    None = 0,
    Present = 1,

    /// <summary><c>PT_WRITABLE_MASK</c>: hardware lets writes through.</summary>
    Writable = 2,

    /// <summary>The host PTE and the slot allow writing; fixed when the page is faulted in.</summary>
    HostWritable = 4,

    /// <summary>Not write-protected for shadow paging: a fast page fault may set <see cref="Writable"/> again.</summary>
    MmuWritable = 8,

    /// <summary>The A bit, set by the hardware walk.</summary>
    Accessed = 16,

    /// <summary><c>shadow_acc_track_mask</c>, on a CPU without A bits: ageing took all permissions away, so that the next access faults and gives them
    /// back. KVM takes the SPTE for present, hardware does not.</summary>
    AccessTracked = 32,
}
