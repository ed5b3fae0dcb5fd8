using CsCheck;
using Livebed.Kvm.Prediction;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>At a constant rate trace, steady model and closed form say the same.</summary>
public sealed class GeometricModelTests
{
    /// <summary>The trace has whole pages and its intervals are dealt out evenly, so a round may dirty a page more or less.</summary>
    private const double Tolerance = 0.02;

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(0.9)]
    public void A_sweep_at_a_constant_rate_takes_the_rounds_the_bytes_and_the_time_of_the_closed_form(double share)
    {
        AssertGeometric(share, Forecaster.Run(ForecastCases.Sweep(share), ForecastCases.Parameters, ForecastCases.Plain));
        AssertGeometric(
            share,
            Forecaster.Run(
                ForecastCases.Steady(share), ForecastCases.Parameters,
                ForecastCases.Plain with { MemoryPages = ForecastCases.MemoryPages }));
    }

    [Fact]
    public void A_rate_above_the_bandwidth_diverges_from_the_first_round_on()
    {
        Assert.Null(ForecastCases.Geometric(1.1).Rounds);
        foreach (var workload in new IForecastWorkload[] { ForecastCases.Sweep(1.1), ForecastCases.Steady(1.1) })
        {
            var forecast = Forecaster.Run(
                workload, ForecastCases.Parameters, ForecastCases.Plain with { MemoryPages = ForecastCases.MemoryPages });
            Assert.Equal(
                (ForecastVerdict.Diverging, 0, ForecastLimit.TimeLimit), (forecast.Verdict, forecast.DivergingRound, forecast.Limit));
            Assert.Null(forecast.DowntimeMilliseconds);
            Assert.All(forecast.Rounds, round => Assert.Equal(ForecastCases.MemoryPages, round.DirtyPages));
        }
    }

    [Fact]
    public void The_closed_forms_are_the_sums_that_they_stand_for() =>
        Gen.Select(Gen.Double[0, 0.99], Gen.Double[1e6, 1e12], Gen.Double[1e6, 1e10], Gen.Double[1e-4, 1])
            .Sample((ratio, memory, bandwidth, downtime) =>
        {
            var model = new GeometricModel(memory, ratio * bandwidth, bandwidth, downtime);
            var (rounds, sent, left) = (0, 0.0, memory);
            do
            {
                sent += left;
                left *= model.Ratio;
                rounds++;
            }
            while (left > model.ThresholdBytes);

            // A quotient exactly at the threshold may fall on either side.
            if (Math.Abs(left * (rounds == model.Rounds ? 1 : 1 / model.Ratio) / model.ThresholdBytes - 1) < 1e-9) return;
            Assert.Equal(rounds, model.Rounds);
            Assert.Equal(1, (sent + left) / model.TotalBytes!.Value, 1e-9);
            Assert.Equal(left / bandwidth, model.Downtime!.Value, 1e-6);
        });

    [Fact]
    public void A_hot_set_bounds_what_a_round_leaves_and_a_curve_is_found_again_from_two_of_its_points() =>
        Gen.Select(Gen.Double[10, 1e6], Gen.Double[10, 1e6], Gen.Double[0.01, 1]).Sample((rate, hot, share) =>
        {
            var writes = new WorkingSet(rate, hot);
            var seconds = share * hot / rate;
            Assert.InRange(writes.Written(seconds), 0, Math.Min(hot, rate * seconds));
            Assert.InRange(writes.WrittenOnAverage(seconds), writes.Written(seconds) / 2 * (1 - 1e-9), writes.Written(seconds));
            var fitted = WorkingSet.Fit(seconds, writes.Written(seconds), writes.Written(2 * seconds));
            Assert.Equal(1, fitted.HotPages / hot, 1e-4);
            Assert.Equal(1, fitted.PagesPerSecond / rate, 1e-4);
        });

    private static void AssertGeometric(double share, MigrationForecast forecast)
    {
        var model = ForecastCases.Geometric(share);
        Assert.Equal(ForecastVerdict.Converges, forecast.Verdict);
        Assert.InRange(forecast.Rounds.Count, model.Rounds!.Value - 1, model.Rounds.Value + 1);
        Assert.Equal(1, forecast.Transferred / model.TotalBytes!.Value, Tolerance);
        Assert.Equal(1, forecast.TotalTimeMilliseconds / 1e3 / model.TotalSeconds!.Value, Tolerance);
        Assert.InRange(forecast.DowntimeMilliseconds!.Value, model.Downtime!.Value * 1e3 * share * (1 - Tolerance), 1);
    }
}
