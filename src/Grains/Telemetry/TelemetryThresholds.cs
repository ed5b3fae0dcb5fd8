namespace Livebed.Grains.Telemetry;

/// <summary>From where on a single event is worth a span of its own. Metrics and histograms count every event regardless.</summary>
public sealed record TelemetryThresholds
{
    /// <summary>A lock wait at least this long becomes a span of the waiting operation.</summary>
    public long LockWaitMicroseconds { get; init; } = 10_000;

    /// <summary>A fault at least this slow is promoted to a span.</summary>
    public long FaultMicroseconds { get; init; } = 20_000;

    /// <summary>A fault retried at least this often is promoted to a span.</summary>
    public int FaultRetries { get; init; } = 4;

    /// <summary>At most this many such spans a second and silo; those beyond are counted in livebed.spans.suppressed.</summary>
    public int PromotedPerSecond { get; init; } = 20;
}
