namespace Livebed.Kvm.Paging;

/// <summary>
/// The root of a VM's second-level page table as memory of its own (<c>kvm->arch.mmu.pgt</c> on arm64, <c>kvm_free_stage2_pgd</c> in
/// arch/arm64/kvm/mmu.c): allocated with the VM, freed by the first release, and by that one only (S11). Nothing is stored in it here; it stands for
/// whatever a release frees.
/// </summary>
public sealed class RootPage
{
    public bool IsFreed { get; private set; }

    public void Free() => IsFreed = true;
}
