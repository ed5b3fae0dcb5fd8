namespace Livebed.Grains.Telemetry;

/// <summary>Names of our instruments; docs/telemetry.md explains each.</summary>
public static class MetricNames
{
    public const string FaultLatency = "livebed.fault.latency";
    public const string LockWait = "livebed.lock.wait";
    public const string TurnWait = "livebed.turn.wait";
    public const string OperationLatency = "livebed.operation.latency";
    public const string Violations = "livebed.violations";
    public const string SpansSuppressed = "livebed.spans.suppressed";
}
