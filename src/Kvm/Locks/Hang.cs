using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>A wait that does not end by itself.</summary>
/// <param name="Kind">why it waits</param>
/// <param name="Invariant">id of the broken invariant</param>
/// <param name="Message">one sentence</param>
/// <param name="Witness">lines for people: which operation waits for what, behind which others</param>
/// <param name="Operations">the operations involved, the waiting ones first</param>
/// <param name="WaitedMicroseconds">for a deadlock, the time since the circle closed; otherwise the time that the named operation has
/// waited</param>
public sealed record Hang(
    HangKind Kind, string Invariant, string Message, IReadOnlyList<string> Witness, IReadOnlyList<OperationId> Operations,
    long WaitedMicroseconds)
{
    /// <summary>The waits that do not end: those of the circle in its order, else the one.</summary>
    public required IReadOnlyList<ObservedWait> Waits { get; init; }
}

/// <summary>How an operation hangs.</summary>
public enum HangKind : byte
{
    /// <summary>Operations that wait for each other in a circle.</summary>
    Deadlock,

    /// <summary>A wait for an operation that has ended without giving the lock back.</summary>
    OrphanedHold,

    /// <summary>A wait beyond the bound that is neither of the two: other operations always come first, or the holder never
    /// releases.</summary>
    Starvation,
}
