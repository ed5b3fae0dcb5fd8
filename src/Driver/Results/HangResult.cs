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
        hang.Kind, hang.Invariant, hang.Message, hang.WaitedMicroseconds,
        [.. hang.Operations.Select(id => id.ToString())], hang.Witness);
}
