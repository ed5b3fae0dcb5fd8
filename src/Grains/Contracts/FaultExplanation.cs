namespace Livebed.Grains.Contracts;

/// <summary>What a VM or a host knows about a fault that has ended: asked for rarely, of faults that become a span.</summary>
/// <param name="Links">spans of what was in the fault's way, in the W3C's traceparent form</param>
/// <param name="Reason">why it began again last; null if it did not</param>
/// <param name="Causes">the operations that made it begin again</param>
/// <param name="LockWaitMicroseconds">what it waited for locks there</param>
/// <param name="ServedMicroseconds">how long its slow calls were worked on there</param>
[GenerateSerializer]
[Immutable]
[Alias("livebed.fault-explanation")]
public sealed record FaultExplanation(
    [property: Id(0)] string[] Links, [property: Id(1)] string? Reason, [property: Id(2)] string[] Causes,
    [property: Id(3)] long LockWaitMicroseconds, [property: Id(4)] long ServedMicroseconds)
{
    public static FaultExplanation None { get; } = new([], null, [], 0, 0);

    /// <summary>Together with what another actor knows.</summary>
    public FaultExplanation With(FaultExplanation other) => new(
        [.. Links, .. other.Links], Reason ?? other.Reason, [.. Causes, .. other.Causes],
        LockWaitMicroseconds + other.LockWaitMicroseconds, Math.Max(ServedMicroseconds, other.ServedMicroseconds));
}
