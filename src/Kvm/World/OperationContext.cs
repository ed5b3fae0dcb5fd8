using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>What of an operation crosses from actor to actor: a few words, no references.</summary>
public readonly record struct OperationContext(OperationId Id, OperationKind Kind, HeldLocks Held);
