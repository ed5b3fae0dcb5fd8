using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary><c>struct mutex</c>, and a spinlock where the class says that its holder may not sleep: one owner, first come first served.</summary>
public sealed class KernelMutex(LockDomain domain, LockClass lockClass, string instance) : KernelLock(domain, lockClass, instance)
{
    public ValueTask AcquireAsync(Operation op) => AcquireAsync(op, LockMode.Write);
    public bool TryAcquire(Operation op) => TryAcquire(op, LockMode.Write);
    public void Release(Operation op) => Release(op, LockMode.Write);

    protected override bool Admits(LockMode mode, int holders, bool heldForWrite, bool queued) => holders == 0 && !queued;
    protected override LockMode Normalise(LockMode mode) => LockMode.Write;
}
