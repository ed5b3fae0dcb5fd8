using HdrHistogram;
using Livebed.Driver.Results;

namespace Livebed.Driver.Tests.Results;

/// <summary>Percentiles come from the histogram within its precision.</summary>
public sealed class LatencySummaryTests
{
    [Fact]
    public void Percentiles_are_those_of_the_recorded_values()
    {
        var histogram = new LongHistogram(60_000_000, 3);
        for (var i = 1; i <= 10_000; i++) histogram.RecordValue(i);
        var summary = LatencySummary.From(histogram);
        Assert.Equal(10_000, summary.Count);
        Assert.InRange(summary.P50, 4_995, 5_010);
        Assert.InRange(summary.P99, 9_890, 9_915);
        Assert.InRange(summary.P999, 9_980, 10_010);
        Assert.InRange(summary.Max, 10_000, 10_010);
    }

    [Fact]
    public void An_empty_histogram_is_all_zero() =>
        Assert.Equal(LatencySummary.Empty, LatencySummary.From(new LongHistogram(1_000_000, 3)));
}
