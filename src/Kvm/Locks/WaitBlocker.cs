using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>One operation in another's way: it holds the lock, or (<paramref name="Queued"/>) stands before it in a fair queue.</summary>
public readonly record struct WaitBlocker(OperationId Operation, OperationKind Kind, LockMode Mode, bool Queued);
