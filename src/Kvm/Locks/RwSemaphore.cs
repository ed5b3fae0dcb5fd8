using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// <c>struct rw_semaphore</c> (kernel/locking/rwsem.c). Fair: a queued writer blocks new readers, which keeps writers from starving and
/// makes a nested read a possible deadlock. Unfair ("recursive readers"): readers enter whenever no writer is inside. A read may be
/// released by another call than the one that took it, as long as it is the same operation.
/// </summary>
public sealed class RwSemaphore(LockDomain domain, LockClass lockClass, string instance, bool fair = true)
    : KernelLock(domain, lockClass, instance)
{
    public ValueTask DownReadAsync(Operation op) => AcquireAsync(op, LockMode.Read);

    /// <summary><c>down_read_trylock</c>.</summary>
    public bool TryDownRead(Operation op) => TryAcquire(op, LockMode.Read);

    public void UpRead(Operation op) => Release(op, LockMode.Read);
    public ValueTask DownWriteAsync(Operation op) => AcquireAsync(op, LockMode.Write);
    public void UpWrite(Operation op) => Release(op, LockMode.Write);

    /// <summary><c>init_rwsem()</c> on a semaphore that may still be read-held; false when someone waits for it.</summary>
    public bool TryInit() => TryReinitialise();

    protected override bool Admits(LockMode mode, int holders, bool heldForWrite, bool queued) => mode switch
    {
        LockMode.Read => !heldForWrite && (!fair || !queued),
        _ => holders == 0 && (!fair || !queued),
    };
}

/// <summary><c>struct mutex</c>, and a spinlock where the class says that its holder may not sleep: one owner, first come first
/// served.</summary>
public sealed class KernelMutex(LockDomain domain, LockClass lockClass, string instance) : KernelLock(domain, lockClass, instance)
{
    public ValueTask AcquireAsync(Operation op) => AcquireAsync(op, LockMode.Write);
    public bool TryAcquire(Operation op) => TryAcquire(op, LockMode.Write);
    public void Release(Operation op) => Release(op, LockMode.Write);

    protected override bool Admits(LockMode mode, int holders, bool heldForWrite, bool queued) => holders == 0 && !queued;
    protected override LockMode Normalise(LockMode mode) => LockMode.Write;
}
