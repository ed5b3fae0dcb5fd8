using Livebed.Kvm.Prediction;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>The same migration from any start.</summary>
public sealed class ForecastsByStartTests
{
    [Fact]
    public void A_recording_that_is_alike_everywhere_gives_the_same_forecast_from_everywhere()
    {
        var spread = ForecastsByStart.Of(ForecastCases.Sweep(0.5), ForecastCases.Parameters, ForecastCases.Plain);
        Assert.Equal(
            (ForecastsByStart.Starts, ForecastsByStart.Starts), (spread.Forecasts.Count, spread.CountOf(ForecastVerdict.Converges)));
        Assert.Equal(spread.Rounds!.Least, spread.Rounds.Most);
    }

    [Fact]
    public void A_burst_is_met_from_some_starts_and_not_from_others()
    {
        // A second that is quiet but for 100 ms in its middle, in which all of a small memory is written again and again.
        var busy = Enumerable.Range(0, 100)
            .Select(interval => interval is >= 50 and < 60 ? $"{interval * 10_000} 0+1000" : $"{interval * 10_000}").ToArray();
        var timeline = ForecastCases.Load(1_000, busy);
        var spread = ForecastsByStart.Of(timeline, ForecastCases.Parameters, ForecastCases.Plain);

        // Round 0 takes 10 ms: from a quiet start nothing is left.
        Assert.Equal((1, 1, 0), (spread.Rounds!.Least, spread.Rounds.Median, spread.Downtime!.Median));
        Assert.True(spread.Rounds.Most > 1);
        Assert.Equal(
            spread.Forecasts[12].Rounds.Count,
            Forecaster.Run(
                timeline, ForecastCases.Parameters,
                ForecastCases.Plain with { StartMicroseconds = timeline.PassMicroseconds / 2 }).Rounds.Count);
    }

    [Fact]
    public void Of_what_never_completes_there_are_no_figures()
    {
        var spread = ForecastsByStart.Of(
            ForecastCases.Sweep(1.5), ForecastCases.Parameters with { TimeLimitMicroseconds = 2_000_000 }, ForecastCases.Plain);
        Assert.Equal(ForecastsByStart.Starts, spread.CountOf(ForecastVerdict.Diverging));
        Assert.Equal((null, null, null), (spread.Rounds, spread.TotalTime, spread.Downtime));
    }

    [Fact]
    public void The_median_is_a_figure_that_occurred() => Assert.Equal(new Spread(1, 2, 9), Spread.Of([9, 3, 1, 2]));
}
