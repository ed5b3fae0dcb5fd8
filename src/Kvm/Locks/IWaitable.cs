using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>Something that operations wait for and that can name its waiters.</summary>
public interface IWaitable
{
    void AddWaits(List<WaitSnapshot> waits);
}

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

/// <summary>One operation in another's way: it holds the lock, or (<paramref name="Queued"/>) stands before it in a fair queue. Of those in
/// the queue only the ones up to the nearest writer are named; the others are in that writer's way.</summary>
public readonly record struct WaitBlocker(OperationId Operation, OperationKind Kind, LockMode Mode, bool Queued);
