using System.Diagnostics;
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
    private readonly long _lateMicroseconds;
    private readonly long _started = Stopwatch.GetTimestamp();
    private bool _disposed;

    internal OperationSpan(OperationKind kind, OperationId id, long lateMicroseconds)
    {
        _kind = kind;
        _lateMicroseconds = Math.Max(0, lateMicroseconds);
        _activity = LivebedTelemetry.Source.StartActivity(SpanNames.Operation(kind));
        if (_activity is not { IsAllDataRequested: true }) return;
        _activity.SetTag(AttributeNames.OperationId, id.ToString());
        _activity.SetTag(AttributeNames.OperationKind, kind.Name);
        if (_lateMicroseconds > 0) _activity.SetTag(AttributeNames.LateMicroseconds, _lateMicroseconds);
    }

    public OperationOutcome Outcome { get; set; } = OperationOutcome.Info;

    /// <summary>Where the operation is in the traces, for a history; null when it is not sampled.</summary>
    public string? TraceId => _activity is { Recorded: true } ? _activity.TraceId.ToString() : null;

    public void Dispose()
    {
        if (_disposed) return;
        _disposed = true;
        var outcome = Outcomes[(int)Outcome];

        // Recorded while the span is current, so that an exporter with exemplars can tie the sample to its trace.
        LivebedTelemetry.OperationLatency.Record(
            (long)Stopwatch.GetElapsedTime(_started).TotalMicroseconds + _lateMicroseconds,
            new(AttributeNames.OperationKind, _kind.Name), new(AttributeNames.Outcome, outcome));
        if (_activity is null) return;
        _activity.SetTag(AttributeNames.Outcome, outcome);
        if (Outcome == OperationOutcome.Fail) _activity.SetStatus(ActivityStatusCode.Error);
        _activity.Dispose();
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
    private readonly long _event;

    internal OperationScope(TelemetryObserver observer, OperationId operation, ActivityContext outer, long hostEvent)
    {
        _observer = observer;
        _operation = operation;
        _outer = outer;
        _event = hostEvent;
    }

    public void Dispose() => _observer?.Leave(_operation, _outer, _event);
}
