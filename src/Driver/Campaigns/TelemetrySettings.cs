namespace Livebed.Driver.Campaigns;

/// <summary>What becomes a span (docs/telemetry.md).</summary>
public sealed record TelemetrySettings
{
    /// <summary>Share of operations whose trace is kept; violations always are.</summary>
    public double SampleRatio { get; set; } = 0.01;

    public TimeSpan SlowLockWait { get; set; } = TimeSpan.FromMilliseconds(10);
    public TimeSpan SlowFault { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A fault with so many retries gets a span of its own.</summary>
    public int RetriesPromoted { get; set; } = 16;
}
