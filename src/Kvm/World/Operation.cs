using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// One operation while it runs at one actor: who it is and which lock classes it holds. It plays the part of the kernel's task: locks
/// are owned by operations, so nesting and waits across actors stay visible. Crossing to another actor, it travels as an
/// <see cref="OperationContext"/> and is rebuilt there with the same id and held classes.
/// </summary>
public sealed class Operation(OperationId id, OperationKind kind, HeldLocks held = default)
{
    public OperationId Id { get; } = id;
    public OperationKind Kind { get; } = kind;

    /// <summary>Classes held now, at any actor; maintained by the locks.</summary>
    public HeldLocks Held { get; set; } = held;

    public OperationContext Context => new(Id, Kind, Held);
    public static Operation From(OperationContext context) => new(context.Id, context.Kind, context.Held);
    public override string ToString() => $"{Id} ({Kind})";
}
