using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// <c>kvm->mmu_lock</c>: a spinlock (legacy MMU, kernels up to 5.11) or a queued rwlock (x86 since 5.12). Its holder may wait for TLB
/// flushes and for nothing else.
/// </summary>
public sealed class MmuLock(LockDomain domain, string instance, bool spin) : KernelLock(domain, LockClasses.MmuLock, instance)
{
    public bool IsSpin { get; } = spin;

    public ValueTask ReadLockAsync(Operation op) => AcquireAsync(op, LockMode.Read);
    public void ReadUnlock(Operation op) => Release(op, LockMode.Read);
    public ValueTask WriteLockAsync(Operation op) => AcquireAsync(op, LockMode.Write);
    public void WriteUnlock(Operation op) => Release(op, LockMode.Write);

    /// <summary><c>rwlock_needbreak</c>: a long zap releases the lock when an operation waits for it.</summary>
    public bool NeedBreak => IsContended;

    protected override bool Admits(LockMode mode, int holders, bool heldForWrite, bool queued) =>
        mode == LockMode.Read ? !heldForWrite && !queued : holders == 0 && !queued;

    protected override LockMode Normalise(LockMode mode) => IsSpin ? LockMode.Write : mode;
}
