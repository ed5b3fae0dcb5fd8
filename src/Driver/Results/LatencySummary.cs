using HdrHistogram;

namespace Livebed.Driver.Results;

/// <summary>
/// What results.json says of a latency histogram, in microseconds. For open-loop operations the latency counts from the intended start,
/// so that a stall is charged to all that it delayed.
/// </summary>
public sealed record LatencySummary(long Count, long P50, long P99, long P999, long Max)
{
    public static readonly LatencySummary Empty = new(0, 0, 0, 0, 0);

    /// <summary>From a histogram of microseconds.</summary>
    public static LatencySummary From(HistogramBase histogram) => histogram.TotalCount == 0
        ? Empty
        : new(
            histogram.TotalCount,
            histogram.GetValueAtPercentile(50),
            histogram.GetValueAtPercentile(99),
            histogram.GetValueAtPercentile(99.9),
            histogram.GetMaxValue());
}
