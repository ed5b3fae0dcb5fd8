using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// An operation that waits now, and those it waits for. <paramref name="WaitId"/> is unique within its actor: the same id in two snapshots
/// is the same wait, which never was interrupted in between.
/// </summary>
public sealed record WaitSnapshot(
    long WaitId,
    OperationId Waiter,
    OperationKind WaiterKind,
    string LockClass,
    string Instance,
    LockMode Mode,
    long WaitedMicroseconds,
    IReadOnlyList<WaitBlocker> Blockers);
