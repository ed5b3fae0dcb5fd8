using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Turns what one actor's model tells into metrics, histograms and spans. An ordinary fault or lock wait is only a sample. One above the
/// threshold gets a span afterwards, back-dated to its beginning, in the trace of the delayed operation and with a link to the operation
/// that delayed it. The model reports a lock wait on the releaser's turn, where the releaser's span is current, so the waiter's has to be
/// remembered: that is what <see cref="Enter"/> is for. Confined to its actor's turns.
/// </summary>
public sealed class TelemetryObserver : IModelObserver
{
    /// <summary>Operations with a recorded trace at one actor; only sampled ones have one, and each leaves at its end.</summary>
    private const int OperationsMax = 4_096;

    /// <summary>Host events that a promoted fault names.</summary>
    private const int OverlappingMax = 4;

    private static readonly KeyValuePair<string, object?> Forgotten = new(AttributeNames.Reason, "operations");
    private readonly SiloTelemetry _silo;
    private readonly string _actor;
    private readonly Action<Violation> _onViolation;
    private readonly Action<GuestRunsEntry>? _onGuestRuns;
    private readonly KeyValuePair<string, object?> _siloTag;
    private readonly Dictionary<OperationId, ActivityContext> _operations = [];
    private readonly HostEventWindow _hostEvents = new();

    internal TelemetryObserver(SiloTelemetry silo, string actor, Action<Violation> onViolation, Action<GuestRunsEntry>? onGuestRuns)
    {
        _silo = silo;
        _actor = actor;
        _onViolation = onViolation;
        _onGuestRuns = onGuestRuns;
        _siloTag = new(AttributeNames.Silo, silo.Silo);
    }

    /// <summary>All faults resolved at this actor.</summary>
    public LatencyHistogram FaultLatency { get; } = new();

    /// <summary>All TLB refills of this actor.</summary>
    public LatencyHistogram RefillLatency { get; } = new();

    /// <summary>All waits for this actor's turn.</summary>
    public LatencyHistogram TurnWaits { get; } = new();

    /// <summary>
    /// The operation is at this actor until the scope is disposed. Its lock waits and slow faults here belong to the current span. Faults
    /// that retry because of a host memory event link to it. Cheap when nothing is sampled.
    /// </summary>
    public OperationScope Enter(Operation op)
    {
        var current = Activity.Current;
        var context = current is { Recorded: true } ? current.Context : default;
        _operations.TryGetValue(op.Id, out var outer);
        if (context != default)
        {
            if (_operations.Count < OperationsMax) _operations[op.Id] = context;
            else LivebedTelemetry.SpansSuppressed.Add(1, Forgotten);
        }

        return new OperationScope(this, op.Id, outer, op.Kind is HostEventKind ? _hostEvents.Begin(op.Id, context) : 0);
    }

    internal void Leave(OperationId operation, ActivityContext outer, long hostEvent)
    {
        if (outer != default) _operations[operation] = outer;
        else _operations.Remove(operation);
        if (hostEvent != 0) _hostEvents.End(hostEvent, NowMicroseconds);
    }

    public void Violated(Violation violation)
    {
        LivebedTelemetry.Violations.Add(1, new(AttributeNames.Violation, violation.Invariant), _siloTag);
        var current = Activity.Current;
        using (var span = current is { Recorded: true }
            ? LivebedTelemetry.Source.StartActivity(SpanNames.Violation)
            : LivebedTelemetry.StartRoot(SpanNames.Violation))
            Describe(span, violation);
        Activity.Current = current;
        _onViolation(violation);
    }

    public IDisposable? Phase(Operation op, string name)
    {
        if (Activity.Current is not { Recorded: true }) return null;
        var span = LivebedTelemetry.Source.StartActivity(SpanNames.PhasePrefix + name);
        if (span is null) return null;
        return SetPlace(span).SetTag(AttributeNames.OperationId, op.Id.ToString());
    }

    public void LockWaited(in LockWait wait)
    {
        var mode = wait.Mode == LockMode.Read ? "read" : "write";
        LivebedTelemetry.LockWait.Record(
            wait.Microseconds, new(AttributeNames.LockClass, wait.Class.Name), new(AttributeNames.LockMode, mode), _siloTag);
        if (wait.Microseconds < _silo.Thresholds.LockWaitMicroseconds) return;
        if (!_operations.TryGetValue(wait.Waiter, out var waiter)) return;

        var span = StartBackDated(SpanNames.LockWait, waiter, wait.Microseconds);
        if (!_silo.Admit(span)) return;
        using (span)
        {
            if (_operations.TryGetValue(wait.Holder, out var holder)) span!.AddLink(new ActivityLink(holder));
            SetPlace(span!).SetTag(AttributeNames.LockClass, wait.Class.Name).SetTag(AttributeNames.LockInstance, wait.Instance)
                .SetTag(AttributeNames.LockMode, mode).SetTag(AttributeNames.OperationId, wait.Waiter.ToString())
                .SetTag(AttributeNames.OperationKind, wait.WaiterKind.Name)
                .SetTag(AttributeNames.LockHolder, wait.Holder.ToString())
                .SetTag(AttributeNames.LockHolderKind, wait.HolderKind.Name);
        }
    }

    public void GuestRuns(string vm, string host, long epoch, bool runs) => _onGuestRuns?.Invoke(new GuestRunsEntry(
        vm, host, epoch, runs, _silo.Time.MonotonicMicroseconds()));

    public void FaultResolved(OperationId op, int retries, long microseconds)
    {
        FaultLatency.Record(microseconds);
        LivebedTelemetry.FaultLatency.Record(microseconds, _siloTag);
        if (retries < _silo.Thresholds.FaultRetries && microseconds < _silo.Thresholds.FaultMicroseconds) return;
        if (!LivebedTelemetry.Source.HasListeners()) return;
        var current = Activity.Current;
        Promote(op, retries, microseconds);
        Activity.Current = current;
    }

    public void TlbRefilled(long microseconds) => RefillLatency.Record(microseconds);

    public void TurnWaited(long microseconds)
    {
        TurnWaits.Record(microseconds);
        LivebedTelemetry.TurnWait.Record(microseconds, _siloTag);
    }

    private void Promote(OperationId op, int retries, long microseconds)
    {
        // Most faults have no parent span: their vCPU runs by itself. Such an outlier is a trace of its own, sampled like any root.
        var span = _operations.TryGetValue(op, out var parent)
            ? StartBackDated(SpanNames.Fault, parent, microseconds)
            : LivebedTelemetry.StartRoot(SpanNames.Fault, start: BackDated(microseconds));
        if (!_silo.Admit(span)) return;
        using (span)
        {
            SetPlace(span!).SetTag(AttributeNames.OperationId, op.ToString()).SetTag(AttributeNames.FaultRetries, retries);
            var overlapping = _hostEvents.Since(NowMicroseconds - microseconds).Take(OverlappingMax).ToList();
            if (overlapping.Count == 0) return;
            span!.SetTag(AttributeNames.Overlapping, string.Join(", ", overlapping.Select(entry => entry.Operation)));
            foreach (var (_, context) in overlapping)
                if (context != default) span.AddLink(new ActivityLink(context));
        }
    }

    private void Describe(Activity? span, Violation violation)
    {
        if (span is null) return;
        span.SetTag(AttributeNames.Violation, violation.Invariant).SetTag(AttributeNames.ViolationMessage, violation.Message);
        span.SetTag(AttributeNames.Vm, violation.Vm).SetTag(AttributeNames.Gfn, violation.Gfn?.Value);
        span.SetTag(AttributeNames.Hva, violation.Hva?.Value).SetTag(AttributeNames.Pfn, violation.Pfn?.Value);
        if (violation.Operations is { Count: > 0 } operations) span.SetTag(AttributeNames.OperationId, string.Join(", ", operations));
        SetPlace(span).SetStatus(ActivityStatusCode.Error, violation.Message);
    }

    private long NowMicroseconds => _silo.Time.MonotonicMicroseconds();

    /// <summary>Spans are the one thing of a silo that carries the wall clock: other machines' tools put them beside others.</summary>
    private DateTimeOffset BackDated(long microseconds) => _silo.Time.GetUtcNow() - TimeSpan.FromMicroseconds(microseconds);

    private Activity? StartBackDated(string name, ActivityContext parent, long microseconds) =>
        LivebedTelemetry.Source.StartActivity(name, ActivityKind.Internal, parent, startTime: BackDated(microseconds));

    private Activity SetPlace(Activity span) => span.SetTag(AttributeNames.Silo, _silo.Silo).SetTag(AttributeNames.Actor, _actor);
}
