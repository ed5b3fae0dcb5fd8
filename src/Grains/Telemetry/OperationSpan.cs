using System.Diagnostics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// One operation from its start to its outcome: always a sample of the latency metric, and a span when its trace is sampled. An operation
/// without an outcome when it is disposed counts as unknown.
/// </summary>
public sealed class OperationSpan : IDisposable
{
    private static readonly string[] Outcomes = ["ok", "fail", "info"];
    private readonly Activity? _activity;
    private readonly OperationKind _kind;
    private readonly OperationId _id;
    private readonly long _lateMicroseconds;
    private readonly OperationSubject _subject;
    private readonly long _started = Stopwatch.GetTimestamp();
    private bool _disposed;

    internal OperationSpan(OperationKind kind, OperationId id, long lateMicroseconds, OperationSubject subject)
    {
        (_kind, _id, _subject) = (kind, id, subject);
        _lateMicroseconds = Math.Max(0, lateMicroseconds);
        _activity = LivebedTelemetry.Source.StartActivity(SpanNames.Operation(kind));
        if (_activity is not null) Describe(_activity);
    }

    /// <summary>It is among the slowest of its kind: if its trace is not sampled, its span is made in the end, alone and dated
    /// back.</summary>
    public bool IsInTail { get; set; }

    public OperationOutcome Outcome { get; set; } = OperationOutcome.Info;

    /// <summary>Where the operation is in the traces, for a history; null when it is not sampled.</summary>
    public string? TraceId => _activity is { Recorded: true } ? _activity.TraceId.ToString() : null;

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        var outcome = Outcomes[(int)Outcome];
        var elapsed = Stopwatch.GetElapsedTime(_started);

        // Recorded while the span is current, so that an exporter with exemplars can tie the sample to its trace.
        LivebedTelemetry.OperationLatency.Record(
            (long)elapsed.TotalMicroseconds + _lateMicroseconds,
            new(AttributeNames.OperationKind, _kind.Name), new(AttributeNames.Outcome, outcome));
        using var span = _activity ?? (IsInTail ? StartBackDated(elapsed) : null);
        if (span is null) return;
        span.SetTag(AttributeNames.Outcome, outcome);
        if (Outcome == OperationOutcome.Fail) span.SetStatus(ActivityStatusCode.Error);
    }

    private Activity? StartBackDated(TimeSpan elapsed)
    {
        var span = LivebedTelemetry.Source.StartActivity(
            SpanNames.Operation(_kind), ActivityKind.Internal, default(ActivityContext), [new(AttributeNames.Promoted, "slow")],
            startTime: DateTimeOffset.UtcNow - elapsed);
        if (span is not null) Describe(span);
        return span;
    }

    private void Describe(Activity span)
    {
        span.SetTag(AttributeNames.OperationId, _id.ToString());
        span.SetTag(AttributeNames.OperationKind, _kind.Name);
        if (_lateMicroseconds > 0) span.SetTag(AttributeNames.LateMicroseconds, _lateMicroseconds);
        _subject.Describe(span);
    }
}

/// <summary>What an operation is about. Nothing is made of it unless the operation becomes a span.</summary>
/// <param name="Vm">the number of the VM in <c>vm-3</c>; null for none</param>
/// <param name="Gfns">guest frames; empty for none</param>
/// <param name="Hvas">pages of the VM's process; empty for none</param>
public readonly record struct OperationSubject(int? Vm, GfnRange Gfns = default, HvaRange Hvas = default)
{
    internal void Describe(Activity span)
    {
        if (Vm is { } vm) span.SetTag(AttributeNames.Vm, FormattableString.Invariant($"vm-{vm}"));
        if (!Gfns.IsEmpty) span.SetTag(AttributeNames.Gfn, Gfns.Start.Value).SetTag(AttributeNames.GfnEnd, Gfns.End.Value);
        if (!Hvas.IsEmpty) span.SetTag(AttributeNames.Hva, Hvas.Start.Value).SetTag(AttributeNames.Pages, Hvas.Pages);
    }
}

/// <summary>How an operation ended, in the words of histories.</summary>
public enum OperationOutcome : byte
{
    /// <summary>It took effect.</summary>
    Ok,

    /// <summary>It certainly did not take effect.</summary>
    Fail,

    /// <summary>Unknown: it timed out or lost contact, and may still take effect.</summary>
    Info,
}

/// <summary>An operation's stay at one actor; see <see cref="TelemetryObserver.Enter"/>.</summary>
public readonly struct OperationScope : IDisposable
{
    private readonly TelemetryObserver? _observer;
    private readonly OperationId _operation;
    private readonly ActivityContext _outer;
    private readonly Invalidation? _update;

    internal OperationScope(TelemetryObserver observer, OperationId operation, ActivityContext outer, Invalidation? update)
    {
        _observer = observer;
        _operation = operation;
        _outer = outer;
        _update = update;
    }

    public void Dispose() => _observer?.Leave(_operation, _outer, _update);
}
