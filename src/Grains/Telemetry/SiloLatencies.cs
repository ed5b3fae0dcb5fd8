using Livebed.Grains.Contracts;

namespace Livebed.Grains.Telemetry;

/// <summary>How long things took at all actors of one silo, since its figures count. Safe from any thread.</summary>
/// <param name="time">the silo's clock</param>
public sealed class SiloLatencies(TimeProvider time)
{
    private readonly Lock _gate = new();
    private long _measuredSince = time.MonotonicMicroseconds();

    /// <summary>Faults, from trap to resolution.</summary>
    public LatencyHistogram Faults { get; } = new();

    /// <summary>TLB refills.</summary>
    public LatencyHistogram Refills { get; } = new();

    /// <summary>Waits of ready continuations for their actor's turn.</summary>
    public LatencyHistogram TurnWaits { get; } = new();

    /// <summary>What was recorded. If it counts from before <paramref name="measuredFrom"/>, the next begins now.</summary>
    public LatencyReport Report(long measuredFrom)
    {
        lock (_gate)
        {
            var report = new LatencyReport(_measuredSince, Faults.Encode(), Refills.Encode(), TurnWaits.Encode());
            if (_measuredSince < measuredFrom) CountAnew();
            return report;
        }
    }

    /// <summary>A run begins, and there was one before.</summary>
    public void Reset()
    {
        lock (_gate) CountAnew();
    }

    private void CountAnew()
    {
        _measuredSince = time.MonotonicMicroseconds();
        foreach (var latencies in new[] { Faults, Refills, TurnWaits }) latencies.Reset();
    }
}
