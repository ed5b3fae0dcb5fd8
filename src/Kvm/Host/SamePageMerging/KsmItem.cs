using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary><c>struct ksm_rmap_item</c>: one mergeable page by where it is mapped, not by frame.</summary>
internal readonly record struct KsmItem(AddressSpace Mm, Vma Vma, Hva Hva)
{
    public Pte Pte => Vma.PteAt(Hva);

    /// <summary>The checksum at KSM's last visit; 0 when it was never here.</summary>
    public ulong Checksum
    {
        get => Vma.KsmChecksums[Hva - Vma.Range.Start];
        set
        {
            ref var slot = ref Vma.KsmChecksums[Hva - Vma.Range.Start];
            if (slot == 0) Vma.KsmItems++;
            slot = value;
        }
    }
}
