using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Turns what one actor's model tells into metrics, histograms and spans. An ordinary fault or lock wait is only a sample. One above the
/// threshold gets a span afterwards, back-dated to its beginning, with links to what was in its way: see <see cref="PromotedSpans"/>. The
/// model reports a lock wait on the releaser's turn, where the releaser's span is current, so the waiter's has to be remembered: that is
/// what <see cref="Enter"/> is for. Confined to its actor's turns.
/// </summary>
public sealed class TelemetryObserver : IModelObserver
{
    /// <summary>Operations with a recorded trace at one actor; only sampled ones have one, and each leaves at its end.</summary>
    private const int OperationsMax = 4_096;

    /// <summary>A call of a fault that takes less is not worth a record; a fault that becomes a span is at least as slow.</summary>
    private const long ServedMicrosecondsMin = 1_000;

    private readonly SiloTelemetry _silo;
    private readonly Action<Violation> _onViolation;
    private readonly Action<GuestRunsEntry>? _onGuestRuns;
    private readonly KeyValuePair<string, object?> _siloTag;
    private readonly Dictionary<OperationId, ActivityContext> _operations = [];
    private readonly InvalidationWindow _invalidations = new();
    private readonly FaultBook _faults = new();
    private readonly PromotedSpans _promoted;
    private long _turnWaited;

    internal TelemetryObserver(SiloTelemetry silo, string actor, Action<Violation> onViolation, Action<GuestRunsEntry>? onGuestRuns)
    {
        _silo = silo;
        _onViolation = onViolation;
        _onGuestRuns = onGuestRuns;
        _siloTag = new(AttributeNames.Silo, silo.Silo);
        _promoted = new PromotedSpans(silo, actor);
    }

    /// <summary>Asks the VM of a vCPU what it knows of a fault; null where there is none to ask.</summary>
    public Func<OperationId, Task<FaultExplanation>>? ExplainFault { get; set; }

    /// <summary>The guest frames of a range, for a span that is made after the fact; null where no memslots are.</summary>
    public Func<HvaRange, GfnRange>? GfnsOf
    {
        get => _promoted.GfnsOf;
        set => _promoted.GfnsOf = value;
    }

    /// <summary>
    /// The operation is at this actor until the scope is disposed. Its lock waits here belong to the current span. Faults that begin again
    /// because of a memslot update link to it. Cheap when nothing is sampled.
    /// </summary>
    public OperationScope Enter(Operation op)
    {
        var context = RecordedContext;
        _operations.TryGetValue(op.Id, out var outer);
        if (context != default)
        {
            if (_operations.Count < OperationsMax) _operations[op.Id] = context;
            else _silo.Suppressed.Add(SpanLimit.Operations);
        }

        var update = op.Kind.IsMemslotUpdate && IsListenedTo ? _invalidations.Begin(op, context, NowMicroseconds) : null;
        return new OperationScope(this, op.Id, outer, update);
    }

    internal void Leave(OperationId operation, ActivityContext outer, Invalidation? update)
    {
        if (outer != default) _operations[operation] = outer;
        else _operations.Remove(operation);
        if (update is not null) update.EndedMicroseconds = NowMicroseconds;
    }

    /// <summary>A notifier's range_start is called; inside the scope of its operation. Null when nothing listens.</summary>
    internal Invalidation? RangeStarts(Operation op, long rangeId, HvaRange pages) =>
        IsListenedTo ? _invalidations.Begin(op, RecordedContext, NowMicroseconds, rangeId, pages) : null;

    /// <summary>Its range_end is called. Null when its start is not remembered.</summary>
    internal Invalidation? RangeEnds(long rangeId)
    {
        var range = _invalidations.Find(rangeId);
        if (range is not null) range.IsEnding = true;
        return range;
    }

    /// <summary>Its range_end has returned, and the sequence is what it was before it, or not.</summary>
    internal void RangeEnded(Invalidation range, ulong before, ulong after) =>
        (range.Sequence, range.EndedMicroseconds) = ((before, after), NowMicroseconds);

    public void Violated(Violation violation)
    {
        LivebedTelemetry.Violations.Add(1, new(AttributeNames.Violation, violation.Invariant), _siloTag);
        _promoted.Violation(violation);
        _onViolation(violation);
    }

    public IDisposable? Phase(Operation op, string name, long? number = null)
    {
        if (Activity.Current is not { Recorded: true }) return null;
        var span = LivebedTelemetry.Source.StartActivity(SpanNames.PhasePrefix + name);
        if (span is null) return null;
        return _promoted.SetPlace(span).SetTag(AttributeNames.OperationId, op.Id.ToString()).SetTag(AttributeNames.PhaseNumber, number);
    }

    public void LockWaited(in LockWait wait)
    {
        LivebedTelemetry.LockWait.Record(
            wait.Microseconds, new(AttributeNames.LockClass, wait.Class.Name),
            new(AttributeNames.LockMode, PromotedSpans.NameOf(wait.Mode)), _siloTag);
        if (!IsListenedTo) return;
        var isFaults = wait.WaiterKind == OperationKind.Fault;
        if (isFaults) _faults.Waited(wait.Waiter, wait.Microseconds);
        if (wait.Microseconds < _silo.Thresholds.LockWaitMicroseconds) return;
        _operations.TryGetValue(wait.Waiter, out var waiter);
        _operations.TryGetValue(wait.Holder, out var holder);
        var span = _promoted.LockWait(wait, waiter, holder);
        if (isFaults && span != default) _faults.WaitHasSpan(wait.Waiter, span);
    }

    public void GuestRuns(string vm, string host, long epoch, bool runs)
    {
        if (runs) RunsUnder(epoch);
        _onGuestRuns?.Invoke(new GuestRunsEntry(vm, host, epoch, runs, _silo.Time.MonotonicMicroseconds()));
    }

    /// <summary>Spans from now on carry the epoch.</summary>
    public void RunsUnder(long epoch) => _promoted.Epoch = epoch;

    public void FaultRetried(in FaultRetry retry)
    {
        if (IsListenedTo) _faults.Retried(retry.Operation, retry.Reason, _invalidations.CauseOf(retry));
    }

    /// <summary>A call of a fault was worked on here since <paramref name="sinceMicroseconds"/>, by the silo's clock.</summary>
    public void FaultServed(OperationId fault, long sinceMicroseconds)
    {
        var took = NowMicroseconds - sinceMicroseconds;
        if (took >= ServedMicrosecondsMin) _faults.Served(fault, took);
    }

    public void FaultResolved(in ResolvedFault fault)
    {
        _silo.Latencies.Faults.Record(fault.Microseconds);
        LivebedTelemetry.FaultLatency.Record(fault.Microseconds, _siloTag);
        var turnWaited = _turnWaited;
        _turnWaited = 0;
        var isSlow = fault.Microseconds >= _silo.Thresholds.FaultMicroseconds;
        if ((!isSlow && fault.Retries < _silo.Thresholds.FaultRetries) || !IsListenedTo) return;
        if (_promoted.Fault(fault, isSlow, Math.Min(turnWaited, fault.Microseconds)) is { } span) _ = ExplainAsync(span, fault);
    }

    public void TlbRefilled(long microseconds) => _silo.Latencies.Refills.Record(microseconds);

    public void TurnWaited(long microseconds)
    {
        _silo.Latencies.TurnWaits.Record(microseconds);
        LivebedTelemetry.TurnWait.Record(microseconds, _siloTag);
        _turnWaited += microseconds;
    }

    /// <summary>What was written here of a fault that becomes a span. The invalidations that made it begin again get spans too.</summary>
    public FaultExplanation Explain(OperationId fault)
    {
        if (_faults.Take(fault) is not { } record) return FaultExplanation.None;
        var links = record.Waits.Concat(record.Causes.Select(_promoted.Invalidation)).Where(link => link != default);
        return new FaultExplanation(
            [.. links.Select(PromotedSpans.ToTraceParent)], record.Reason is { } reason ? PromotedSpans.NameOf(reason) : null,
            [.. record.Causes.Select(cause => cause.Operation.ToString())], record.LockWaitMicroseconds, record.ServedMicroseconds);
    }

    /// <summary>The clock that the observer's times are by.</summary>
    public long NowMicroseconds => _silo.Time.MonotonicMicroseconds();

    /// <summary>Nothing is remembered for spans that nothing would take.</summary>
    public static bool IsListenedTo => LivebedTelemetry.Source.HasListeners();

    private static ActivityContext RecordedContext => Activity.Current is { Recorded: true } current ? current.Context : default;

    /// <summary>Ends the span of a fault, with what its VM knows; without that where the VM is gone.</summary>
    private async Task ExplainAsync(PromotedFault span, ResolvedFault fault)
    {
        var explanation = FaultExplanation.None;
        if (ExplainFault is { } explain)
        {
            // The call belongs to no operation.
            Activity.Current = null;
            explanation = await GrainCall.OrLostAsync(explanation, async () => await explain(fault.Operation));
        }

        span.End(fault, explanation);
    }
}
