using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

/// <summary>An operation on its way to another actor and back: id, kind and the lock classes that it holds.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.operation")]
public readonly record struct OperationMessage(
    [property: Id(0)] long OperationId, [property: Id(1)] OperationKind Kind, [property: Id(2)] ulong HeldRead,
    [property: Id(3)] ulong HeldWrite)
{
    public HeldLocks Held => new(HeldRead, HeldWrite);

    public static OperationMessage From(Operation op) => new(op.Id.Value, op.Kind, op.Held.Read, op.Held.Write);

    public Operation ToOperation() => new(new OperationId(OperationId), Kind, Held);
}
