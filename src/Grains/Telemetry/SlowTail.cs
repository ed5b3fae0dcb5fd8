using HdrHistogram;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Which operations are among the slowest of their kind so far: slower than 99 of 100. Sampling by ratio would miss nearly all of them.
/// Of a kind of which there have been fewer than two hundred, one that is slower than all before it is, after the first twenty. Five a
/// second at most are in the tail. Safe from any thread.
/// </summary>
public sealed class SlowTail(TimeProvider time)
{
    private const int LearnedFrom = 200;
    private const int RecordsFrom = 20;
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
            if (count < LearnedFrom)
            {
                var isSlowest = microseconds > usual.Slowest;
                if (isSlowest) usual.Slowest = microseconds;
                return isSlowest && count > RecordsFrom && _allowance.TryTake();
            }

            if (count % LearnedEvery == 0) usual.Slow = usual.Latencies.GetValueAtPercentile(Percentile);
            return microseconds > usual.Slow && _allowance.TryTake();
        }
    }

    private sealed class Usual
    {
        public LongHistogram Latencies { get; } = LatencyHistogram.Empty();
        public long Slow { get; set; } = long.MaxValue;
        public long Slowest { get; set; }
    }
}
