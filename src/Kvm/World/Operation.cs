using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// One operation while it runs at one actor: its id and the lock classes that it holds. It stands for the kernel's task: operations own
/// locks, so nesting and waits across actors stay visible. It crosses to another actor as an <see cref="OperationContext"/> and is rebuilt
/// there with the same id and held classes.
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

/// <summary>What of an operation crosses from actor to actor: a few words, no references.</summary>
public readonly record struct OperationContext(OperationId Id, OperationKind Kind, HeldLocks Held);
