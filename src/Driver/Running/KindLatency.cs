using HdrHistogram;
using Livebed.Driver.Results;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>How long the driver's operations of one kind took, since they were due, and which of them took longest. Safe from any
/// thread.</summary>
internal sealed class KindLatency(string name)
{
    /// <summary>What charts call an operation.</summary>
    public const string Bar = "operation";

    private const int LongestMax = 16;
    private const int TextMax = 160;

    private readonly Lock _gate = new();
    private readonly LongHistogram _histogram = LatencyHistogram.Empty();
    private readonly PriorityQueue<ChartBar, long> _longest = new();

    public string Name { get; } = name;

    public LatencySummary Summary
    {
        get
        {
            lock (_gate) return LatencySummary.From(_histogram);
        }
    }

    public ChartLatency Distribution
    {
        get
        {
            lock (_gate) return ChartLatency.From(Name, _histogram);
        }
    }

    /// <summary>By the run's clock, the shortest of them first.</summary>
    public IReadOnlyList<ChartBar> Longest
    {
        get
        {
            lock (_gate) return [.. _longest.UnorderedItems.OrderBy(item => item.Priority).Select(item => item.Element)];
        }
    }

    /// <param name="op">an operation of this kind</param>
    /// <param name="microseconds">since it was due</param>
    /// <param name="now">when it ended, by the run's clock</param>
    /// <param name="value">what came of it</param>
    public void Add(Operation op, long microseconds, long now, string? value)
    {
        lock (_gate)
        {
            _histogram.RecordValue(Math.Clamp(microseconds, 0, _histogram.HighestTrackableValue));
            if (_longest.Count == LongestMax && _longest.TryPeek(out _, out var least) && microseconds <= least) return;
            var text = value is null ? op.Id.ToString() : $"{op.Id}: {value}";
            if (text.Length > TextMax) text = text[..(TextMax - 1)] + "…";
            _longest.Enqueue(new ChartBar(Name, now - microseconds, now, Bar, text), microseconds);
            if (_longest.Count > LongestMax) _longest.Dequeue();
        }
    }
}
