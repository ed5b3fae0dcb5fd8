namespace Livebed.Driver.Campaigns;

/// <summary>What <c>kvm->mmu_lock</c> is: a queued rwlock (x86 since 5.12) or a spinlock.</summary>
public enum MmuLockFlavour
{
    Rw,
    Spin,
}
