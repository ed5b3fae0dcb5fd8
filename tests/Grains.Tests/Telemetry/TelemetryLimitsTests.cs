using System.Diagnostics;
using CsCheck;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Hosting;

namespace Livebed.Grains.Tests.Telemetry;

public sealed class TelemetryLimitsTests
{
    [Fact]
    public void A_bucket_lets_its_rate_through_and_refills_with_time()
    {
        var time = new SteppedTime();
        var bucket = new TokenBucket(3, time);
        Assert.Equal([true, true, true, false], Enumerable.Range(0, 4).Select(_ => bucket.TryTake()));
        time.Advance(333_334);
        Assert.True(bucket.TryTake());
        Assert.False(bucket.TryTake());
        time.Advance(100_000_000);
        Assert.Equal(3, Enumerable.Range(0, 10).Count(_ => bucket.TryTake()));
    }

    [Fact]
    public void A_trace_gets_its_budget_and_no_more_while_others_come_and_go()
    {
        var budget = new TraceBudget(spansPerTrace: 2, tracesPerGeneration: 4);
        var trace = ActivityTraceId.CreateRandom();
        Assert.True(budget.TryTake(trace));
        for (var i = 0; i < 5; i++) budget.TryTake(ActivityTraceId.CreateRandom());
        Assert.True(budget.TryTake(trace));
        for (var i = 0; i < 5; i++) budget.TryTake(ActivityTraceId.CreateRandom());
        Assert.False(budget.TryTake(trace));
    }

    [Fact]
    public void Encoded_histograms_merge_exactly() =>
        Gen.Long[0, 600_000_000].List[0, 50].List[0, 5].Sample(actors =>
        {
            var merged = LatencyHistogram.Empty();
            var direct = LatencyHistogram.Empty();
            foreach (var samples in actors)
            {
                var actor = new LatencyHistogram();
                samples.ForEach(actor.Record);
                samples.ForEach(direct.RecordValue);
                HistogramEncoding.AddTo(merged, actor.Encode());
            }

            Assert.Equal(direct.TotalCount, merged.TotalCount);
            Assert.Equal(Counts(direct), Counts(merged));
        });

    [Fact]
    public void A_latency_beyond_the_scale_counts_at_its_end()
    {
        var histogram = new LatencyHistogram();
        histogram.Record(long.MaxValue);
        histogram.Record(-5);
        var decoded = HistogramEncoding.Decode(histogram.Encode());
        Assert.Equal(2, decoded.TotalCount);
        Assert.True(decoded.GetValueAtPercentile(100) >= 600_000_000);
        Assert.Equal(0, decoded.GetValueAtPercentile(1));
        Assert.Empty(new LatencyHistogram().Encode());
    }

    [Fact]
    public void Latencies_of_many_threads_are_counted_once_each_across_reports_and_anew_when_asked()
    {
        var time = new SteppedTime();
        var latencies = new SiloLatencies(time);
        const int Each = 20_000;
        var reported = 0;
        Parallel.For(0, 4, worker =>
        {
            for (var i = 0; i < Each; i++)
            {
                latencies.Faults.Record(i);
                if (worker == 0 && i % 1_000 == 0 && latencies.Report(measuredFrom: 0).Faults.Length > 0) reported++;
            }
        });
        Assert.Equal(4 * Each, HistogramEncoding.Decode(latencies.Report(measuredFrom: 0).Faults).TotalCount);
        Assert.Equal(Each / 1_000, reported);
        time.Advance(1_000_000);
        var from = time.MonotonicMicroseconds();
        var old = latencies.Report(from);
        Assert.True(old.MeasuredSince < from);
        Assert.NotEmpty(old.Faults);
        var anew = latencies.Report(from);
        Assert.Equal(from, anew.MeasuredSince);
        Assert.Empty(anew.Faults);
    }

    private static List<(long, long)> Counts(HdrHistogram.HistogramBase histogram) =>
        histogram.RecordedValues().Select(value => (value.ValueIteratedTo, value.CountAtValueIteratedTo)).ToList();
}
