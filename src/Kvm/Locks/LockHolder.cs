using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>An operation inside a lock, in one mode; one that reads twice is inside twice.</summary>
internal readonly record struct LockHolder(OperationId Operation, OperationKind Kind, LockMode Mode, long SinceMicroseconds);
