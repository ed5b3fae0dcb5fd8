using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Spans that one actor makes after the fact, when it is known that they are worth it: slow or retried faults, long lock waits, and what
/// these lead to, the holder of the lock and the invalidation. Each is dated back. It is in the trace of its operation if that is sampled,
/// and else the root of a trace of its own. The silo's allowance limits faults and waits; what such a span leads to is not counted
/// again, at most one holder for a wait and four invalidations for a fault. Confined to its actor's turns.
/// </summary>
internal sealed class PromotedSpans
{
    /// <summary>Holds whose span is remembered, so that all who wait for one lead to the same span.</summary>
    private const int HoldsKept = 32;

    private readonly SiloTelemetry _silo;
    private readonly string _actor;
    private readonly string? _vm;
    private readonly (HoldId Id, ActivityContext Span)[] _holds = new (HoldId, ActivityContext)[HoldsKept];
    private int _held;

    public PromotedSpans(SiloTelemetry silo, string actor)
    {
        (_silo, _actor) = (silo, actor);
        _vm = actor.StartsWith("vm-", StringComparison.Ordinal) ? actor.Split('.', '@', '/')[0] : null;
    }

    public static string NameOf(LockMode mode) => mode == LockMode.Read ? "read" : "write";

    public static string NameOf(RetryReason reason) => reason switch
    {
        RetryReason.InvalidationInProgress => "invalidation-in-progress",
        RetryReason.SequenceChanged => "sequence-changed",
        RetryReason.InvalidMemslot => "invalid-memslot",
        _ => "mapping-gone",
    };

    public static string ToTraceParent(ActivityContext context) =>
        $"00-{context.TraceId.ToHexString()}-{context.SpanId.ToHexString()}-01";

    /// <summary>Begins the span of a fault that has just ended; null if it may not have one.</summary>
    public PromotedFault? Fault(in ResolvedFault fault, bool isSlow, long turnWaited)
    {
        if (!_silo.TryPromote()) return null;
        var end = _silo.Time.GetUtcNow().UtcDateTime;
        var span = Start(SpanNames.Fault, default, end.AddMicroseconds(-fault.Microseconds), isSlow ? "slow" : "retried");
        if (span is null) return null;
        SetPlace(span).SetTag(AttributeNames.OperationId, fault.Operation.ToString())
            .SetTag(AttributeNames.Gfn, fault.Gfn.Value).SetTag(AttributeNames.FaultWrite, fault.Write)
            .SetTag(AttributeNames.FaultRetries, fault.Retries).SetTag(AttributeNames.FaultRetryMicroseconds, fault.RetryMicroseconds)
            .SetTag(AttributeNames.FaultTurnWait, turnWaited);
        return new PromotedFault(span, end);
    }

    /// <summary>The span of a lock wait that has just ended, which leads to the hold that it waited for.</summary>
    /// <param name="wait">the wait</param>
    /// <param name="waiter">span of the operation that waited; none if it is not sampled</param>
    /// <param name="holder">span of the operation that held the lock, likewise</param>
    /// <returns>none if it may not have one</returns>
    public ActivityContext LockWait(in LockWait wait, ActivityContext waiter, ActivityContext holder)
    {
        if (!_silo.TryPromote()) return default;
        var end = _silo.Time.GetUtcNow().UtcDateTime;
        var span = Start(SpanNames.LockWait, waiter, end.AddMicroseconds(-wait.Microseconds), "slow");
        if (span is null) return default;
        SetLock(span, wait, wait.Mode).SetTag(AttributeNames.OperationId, wait.Waiter.ToString())
            .SetTag(AttributeNames.OperationKind, wait.WaiterKind.Name)
            .SetTag(AttributeNames.LockHolder, wait.Holder.ToString()).SetTag(AttributeNames.LockHolderKind, wait.HolderKind.Name)
            .SetTag(AttributeNames.LockAhead, wait.Ahead).SetTag(AttributeNames.LockBehind, wait.Behind);
        var hold = Hold(wait, holder, end);
        if (hold != default) span.AddLink(new ActivityLink(hold));
        return End(span, end);
    }

    /// <summary>The span of what made a fault begin again; one that is still there ends now.</summary>
    public ActivityContext Invalidation(Invalidation cause)
    {
        if (cause.Span != default) return cause.Span;
        var (now, nowUtc) = (_silo.Time.MonotonicMicroseconds(), _silo.Time.GetUtcNow().UtcDateTime);
        var span = Start(
            SpanNames.Invalidation, cause.Context, nowUtc.AddMicroseconds(cause.BeganMicroseconds - now), "cause");
        if (span is null) return cause.Context;
        SetPlace(span).SetTag(AttributeNames.OperationId, cause.Operation.ToString()).SetTag(AttributeNames.OperationKind, cause.Kind.Name);
        if (cause.RangeId != 0)
        {
            span.SetTag(AttributeNames.Hva, cause.Pages.Start.Value).SetTag(AttributeNames.Pages, cause.Pages.Pages)
                .SetTag(AttributeNames.InProgress, cause.InProgress);
            if (cause.EndedMicroseconds > 0) span.SetTag(AttributeNames.Sequence, (long)cause.Sequence.After);
            if (GfnsOf?.Invoke(cause.Pages) is { IsEmpty: false } gfns)
                span.SetTag(AttributeNames.Gfn, gfns.Start.Value).SetTag(AttributeNames.GfnEnd, gfns.End.Value);
        }

        var ended = cause.EndedMicroseconds > 0 ? nowUtc.AddMicroseconds(cause.EndedMicroseconds - now) : nowUtc;
        return cause.Span = End(span, ended);
    }

    public void Violation(Violation violation)
    {
        var current = Activity.Current;
        using (var span = current is { Recorded: true }
            ? LivebedTelemetry.Source.StartActivity(SpanNames.Violation)
            : LivebedTelemetry.StartRoot(SpanNames.Violation))
            if (span is not null) Describe(span, violation);
        Activity.Current = current;
    }

    /// <inheritdoc cref="TelemetryObserver.GfnsOf"/>
    public Func<HvaRange, GfnRange>? GfnsOf { get; set; }

    /// <summary>Under which the actor's VM runs here, as far as the actor was told; 0 before that.</summary>
    public long Epoch { get; set; }

    /// <summary>Where it happened, and under which epoch.</summary>
    public Activity SetPlace(Activity span)
    {
        span.SetTag(AttributeNames.Silo, _silo.Silo).SetTag(AttributeNames.Actor, _actor).SetTag(AttributeNames.Vm, _vm);
        return Epoch == 0 ? span : span.SetTag(AttributeNames.Epoch, Epoch);
    }

    private void Describe(Activity span, Violation violation)
    {
        SetPlace(span).SetStatus(ActivityStatusCode.Error, violation.Message);
        span.SetTag(AttributeNames.Violation, violation.Invariant).SetTag(AttributeNames.ViolationMessage, violation.Message);
        span.SetTag(AttributeNames.Vm, violation.Vm ?? _vm).SetTag(AttributeNames.Gfn, violation.Gfn?.Value);
        span.SetTag(AttributeNames.Hva, violation.Hva?.Value).SetTag(AttributeNames.Pfn, violation.Pfn?.Value);
        if (violation.Operations is { Count: > 0 } operations) span.SetTag(AttributeNames.OperationId, string.Join(", ", operations));
    }

    private ActivityContext Hold(in LockWait wait, ActivityContext holder, DateTime waitEnded)
    {
        if (wait.HolderSince == 0) return holder;
        var id = new HoldId(wait.Class, wait.Instance, wait.Holder, wait.HolderSince);
        foreach (var (known, at) in _holds)
            if (known == id) return at;
        var now = _silo.Time.MonotonicMicroseconds();
        var span = Start(SpanNames.LockHold, holder, waitEnded.AddMicroseconds(wait.HolderSince - now), "cause");
        if (span is null) return holder;
        SetLock(span, wait, wait.HolderMode).SetTag(AttributeNames.OperationId, wait.Holder.ToString())
            .SetTag(AttributeNames.OperationKind, wait.HolderKind.Name);
        var context = End(span, waitEnded.AddMicroseconds(wait.HolderUntil - now));
        _holds[_held++ % HoldsKept] = (id, context);
        return context;
    }

    private Activity SetLock(Activity span, in LockWait wait, LockMode mode) => SetPlace(span)
        .SetTag(AttributeNames.LockClass, wait.Class.Name).SetTag(AttributeNames.LockInstance, wait.Instance)
        .SetTag(AttributeNames.LockMode, NameOf(mode));

    /// <summary>Starts a span after the fact and leaves current what is.</summary>
    private static Activity? Start(string name, ActivityContext parent, DateTime start, string why)
    {
        var current = Activity.Current;
        Activity.Current = null;
        var span = LivebedTelemetry.Source.StartActivity(
            name, ActivityKind.Internal, parent, [new(AttributeNames.Promoted, why)], startTime: start);
        Activity.Current = current;
        return span;
    }

    internal static ActivityContext End(Activity span, DateTime end)
    {
        var current = Activity.Current;
        // An end that is no later than the start would count as none.
        span.SetEndTime(end > span.StartTimeUtc ? end : span.StartTimeUtc.AddTicks(1));
        span.Dispose();
        Activity.Current = current;
        return span.Context;
    }

    private readonly record struct HoldId(LockClass Class, string Instance, OperationId Holder, long Since);
}

/// <summary>The span of a fault from its start to the word of its VM.</summary>
internal sealed class PromotedFault(Activity span, DateTime ended)
{
    public void End(in ResolvedFault fault, FaultExplanation explanation)
    {
        if (explanation.Reason is { } reason) span.SetTag(AttributeNames.RetryReason, reason);
        if (explanation.Causes.Length > 0) span.SetTag(AttributeNames.FaultCauses, string.Join(", ", explanation.Causes));
        span.SetTag(AttributeNames.FaultLockWait, Math.Min(explanation.LockWaitMicroseconds, fault.Microseconds));
        if (explanation.ServedMicroseconds > 0)
            span.SetTag(AttributeNames.FaultNetwork, Math.Max(0, fault.Microseconds - explanation.ServedMicroseconds));
        foreach (var link in explanation.Links)
            if (ActivityContext.TryParse(link, null, out var context)) span.AddLink(new ActivityLink(context));
        PromotedSpans.End(span, ended);
    }
}
