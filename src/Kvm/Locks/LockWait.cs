using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>A contended acquisition that ended: who waited, how long, and the operation that held the lock when the wait began.</summary>
public readonly record struct LockWait(
    LockClass Class, string Instance, LockMode Mode, OperationId Waiter, OperationKind WaiterKind, OperationId Holder, OperationKind HolderKind, long Microseconds);
