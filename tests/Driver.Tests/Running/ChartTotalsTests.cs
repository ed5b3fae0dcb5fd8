using CsCheck;
using Livebed.Driver.Running;

namespace Livebed.Driver.Tests.Running;

/// <summary>A run of any length keeps a bounded number of moments, and what they say is what was counted.</summary>
public sealed class ChartTotalsTests
{
    [Fact]
    public void However_many_moments_there_were_the_kept_ones_are_true_and_the_last_is_the_last()
    {
        var steps = Gen.Select(Gen.Int[1, 3_000_000], Gen.Int[0, 9]).Array[1, 500];
        steps.Sample(run =>
        {
            var totals = new ChartTotals(momentsMax: 16);
            var (now, count, truth) = (0L, 0L, new Dictionary<long, long> { [0] = 0 });
            totals.Begin(0);
            totals.End();
            foreach (var (step, more) in run)
            {
                (now, count) = (now + step, count + more);
                truth[now] = count;
                totals.Begin(now);
                totals.Add("g", "n", count);
                totals.End();
            }

            var kept = totals.Moments;
            Assert.InRange(kept.Count, 2, 16);
            Assert.Equal((0, now), (kept[0], kept[^1]));
            Assert.Equal(kept.Order(), kept);
            if (count == 0) return;
            Assert.Equal(kept.Select(moment => truth[moment]), Assert.Single(totals.Series).Totals);
        }, iter: 200);
    }

    [Fact]
    public void A_long_run_keeps_moments_all_over_it()
    {
        var totals = new ChartTotals(momentsMax: 16);
        for (var i = 0; i <= 1_000; i++)
        {
            totals.Begin(i * 400_000L);
            totals.End();
        }

        Assert.All(totals.Moments.Zip(totals.Moments.Skip(1)), pair => Assert.InRange(pair.Second - pair.First, 400_000, 260 * 400_000));
    }

    [Fact]
    public void A_counter_that_came_late_was_zero_before_and_one_that_is_not_told_any_more_stays()
    {
        var totals = new ChartTotals(momentsMax: 16);
        foreach (var (at, count) in new[] { (0, 0), (1_000_000, 0), (2_000_000, 5), (3_000_000, 0) })
        {
            totals.Begin(at);
            if (count > 0) totals.Add("g", "n", count);
            totals.End();
        }

        Assert.Equal([0, 0, 5, 5], Assert.Single(totals.Series).Totals);
    }
}
