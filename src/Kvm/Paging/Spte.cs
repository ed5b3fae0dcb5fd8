using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Paging;

/// <summary>
/// A leaf shadow PTE, gfn -> pfn, and beside it what only the checks know. That is the hva it was installed for, a number that no two
/// installations share, and when it was last handed to a TLB (readable, writable; 0 = surely in none). An SPTE holds no reference on the
/// page: the notifier contract alone keeps it valid.
/// </summary>
public struct Spte
{
    public int Pfn;
    public SpteFlags Flags;
    public long Hva;
    public uint Installation;
    public long HandedOut;
    public long HandedOutWritable;

    public readonly bool IsPresent => (Flags & SpteFlags.Present) != 0;
    public readonly bool IsWritable => (Flags & SpteFlags.Writable) != 0;
    public readonly bool IsMmuWritable => (Flags & SpteFlags.MmuWritable) != 0;
    public readonly bool IsAccessTracked => (Flags & SpteFlags.AccessTracked) != 0;
    public readonly Translation ToTranslation(Gfn gfn) => new(gfn, new Hva(Hva), new Pfn(Pfn), IsWritable);
}

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

    /// <summary><c>shadow_acc_track_mask</c>, on a CPU without A bits: ageing took all permissions away, so that the next access faults and
    /// gives them back. KVM takes the SPTE for present, hardware does not.</summary>
    AccessTracked = 32,
}
