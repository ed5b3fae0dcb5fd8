using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>One operation in another's way: it holds the lock, or (<paramref name="Queued"/>) stands before it in a fair queue. Of those in
/// the queue only the ones up to the nearest writer are named; the others are in that writer's way.</summary>
public readonly record struct WaitBlocker(OperationId Operation, OperationKind Kind, LockMode Mode, bool Queued);
