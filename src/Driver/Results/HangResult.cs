namespace Livebed.Driver.Results;

/// <summary>
/// A hang with its witness: a sentence, the lock, how long, the operations, and one line for each that waits (who, for what, held by whom).
/// </summary>
public sealed record HangResult(
    HangKind Kind, string Invariant, string Message, string? Vm, string? Lock, long WaitedMicroseconds,
    IReadOnlyList<string> Operations, IReadOnlyList<string> Witness);
