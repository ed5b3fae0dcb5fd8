using HdrHistogram;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Which operations are among the slowest of their kind so far: slower than 99 of 100. Sampling by ratio would miss nearly all of them.
/// The first two hundred of a kind only say what is usual, and five a second at most are in the tail. Safe from any thread.
/// </summary>
public sealed class SlowTail(TimeProvider time)
{
    private const int LearnedFrom = 200;
    private const int LearnedEvery = 50;
    private const double Percentile = 99;
    private const int PerSecond = 5;

    private readonly Lock _gate = new();
    private readonly TokenBucket _allowance = new(PerSecond, time);
    private readonly Dictionary<OperationKind, Usual> _kinds = [];

    /// <summary>Counts an operation that has ended and says whether it is in the tail.</summary>
    public bool Holds(OperationKind kind, long microseconds)
    {
        lock (_gate)
        {
            if (!_kinds.TryGetValue(kind, out var usual)) _kinds[kind] = usual = new Usual();
            usual.Latencies.RecordValue(Math.Clamp(microseconds, 0, LatencyHistogram.HighestMicroseconds));
            var count = usual.Latencies.TotalCount;
            if (count >= LearnedFrom && count % LearnedEvery == 0) usual.Slow = usual.Latencies.GetValueAtPercentile(Percentile);
            return microseconds > usual.Slow && _allowance.TryTake();
        }
    }

    private sealed class Usual
    {
        public LongHistogram Latencies { get; } = LatencyHistogram.Empty();
        public long Slow { get; set; } = long.MaxValue;
    }
}
