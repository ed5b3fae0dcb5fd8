using System.Diagnostics;
using Livebed.Kvm.Locks;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// The trace of a hang: the finding, and below it each wait that does not end. Silos make a span of a wait when it ends, which these never
/// do, so without this a deadlock could be missing from the traces of the run that found it.
/// </summary>
public static class HangSpan
{
    /// <summary>A trace stays small enough for every viewer.</summary>
    private const int WaitsMax = 100;

    public static void Record(Hang hang)
    {
        var current = Activity.Current;
        var now = DateTimeOffset.UtcNow;
        var longest = hang.Waits.Max(wait => wait.Wait.WaitedMicroseconds);
        using (var span = LivebedTelemetry.StartRoot(SpanNames.Violation, now.AddMicroseconds(-longest)))
        {
            if (span is not null)
            {
                span.SetStatus(ActivityStatusCode.Error, hang.Message);
                span.SetTag(AttributeNames.Violation, hang.Invariant).SetTag(AttributeNames.ViolationMessage, hang.Message)
                    .SetTag(AttributeNames.OperationId, string.Join(", ", hang.Operations));
                foreach (var wait in hang.Waits.Take(WaitsMax)) Wait(wait, span.Context, now);
            }
        }

        Activity.Current = current;
    }

    private static void Wait(ObservedWait observed, ActivityContext hang, DateTimeOffset now)
    {
        var wait = observed.Wait;
        using var span = LivebedTelemetry.Source.StartActivity(
            SpanNames.LockWait, ActivityKind.Internal, hang, startTime: now.AddMicroseconds(-wait.WaitedMicroseconds));
        if (span is null) return;
        span.SetTag(AttributeNames.Actor, observed.Actor).SetTag(AttributeNames.LockClass, wait.LockClass)
            .SetTag(AttributeNames.LockInstance, wait.Instance).SetTag(AttributeNames.LockMode, PromotedSpans.NameOf(wait.Mode))
            .SetTag(AttributeNames.OperationId, wait.Waiter.ToString()).SetTag(AttributeNames.OperationKind, wait.WaiterKind.Name);
        if (wait.Blockers is [var first, ..])
            span.SetTag(AttributeNames.LockHolder, first.Operation.ToString()).SetTag(AttributeNames.LockHolderKind, first.Kind.Name);
        span.SetEndTime(now.UtcDateTime);
    }
}
