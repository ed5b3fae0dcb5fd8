using Livebed.Kvm.Locks;

namespace Livebed.Driver.Results;

/// <summary>
/// A hang with its witness: a sentence, the duration, the operations, and one line for each waiting operation (what it waits for, and the
/// holder).
/// </summary>
public sealed record HangResult(
    HangKind Kind, string Invariant, string Message, long WaitedMicroseconds, IReadOnlyList<string> Operations,
    IReadOnlyList<string> Witness)
{
    public static HangResult From(Hang hang) => new(
        Enum.Parse<HangKind>(hang.Kind.ToString()), hang.Invariant, hang.Message, hang.WaitedMicroseconds,
        [.. hang.Operations.Select(id => id.ToString())], hang.Witness);
}

/// <summary>How an operation hangs.</summary>
public enum HangKind
{
    /// <summary>Operations wait for each other in a cycle.</summary>
    Deadlock,

    /// <summary>A wait for an operation that has ended without giving the lock back.</summary>
    OrphanedHold,

    /// <summary>A wait beyond the campaign's bound while others go on.</summary>
    Starvation,
}
