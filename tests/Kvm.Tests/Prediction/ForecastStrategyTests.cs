using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.Tests.Guests;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>Throttling, post-copy, and what would make a migration converge.</summary>
public sealed class ForecastStrategyTests
{
    private static readonly ForecastSettings _memory = ForecastCases.Plain with { MemoryPages = ForecastCases.MemoryPages };

    [Fact]
    public void Auto_converge_begins_at_the_second_high_period_and_rises_at_every_second_one_after()
    {
        var forecast = Forecaster.Run(
            ForecastCases.Sweep(1.5),
            ForecastCases.Parameters with { Throttle = ThrottleKind.AutoConverge, ThrottlePeriodMicroseconds = 900_000 }, _memory);
        Assert.Equal(ForecastVerdict.Converges, forecast.Verdict);
        // Rounds take 200 ms while everything is dirty, so a period is five rounds.
        Assert.Equal(
            [.. Enumerable.Repeat(0, 10), .. Enumerable.Repeat(20, 10), 30],
            forecast.Rounds.Take(21).Select(round => round.ThrottlePercentage));
        Assert.Equal([0, 20, 30, 40, 50], forecast.Rounds.Select(round => round.ThrottlePercentage).Distinct().Take(5));
        Assert.True(forecast.ThrottledMilliseconds > 400, $"{forecast.ThrottledMilliseconds}");
    }

    [Fact]
    public void Auto_converge_never_sleeps_more_than_its_maximum()
    {
        var parameters = ForecastCases.Parameters with
        {
            Throttle = ThrottleKind.AutoConverge,
            MaxCpuThrottle = 35,
            DowntimeLimitMicroseconds = 0,
            TimeLimitMicroseconds = 30_000_000,
        };
        var forecast = Forecaster.Run(ForecastCases.Sweep(4), parameters, _memory);
        Assert.Equal(35, forecast.Rounds.Max(round => round.ThrottlePercentage));
        Assert.Equal(ForecastVerdict.Diverging, forecast.Verdict);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    public void Under_the_dirty_limit_no_second_dirties_more_pages_than_the_limit_of_all_vcpus(int vcpus)
    {
        const long PagesPerSecond = 10_000;
        var parameters = ForecastCases.Parameters with
        {
            Throttle = ThrottleKind.DirtyLimit,
            VcpuDirtyLimit = PagesPerSecond * 4096,
            DowntimeLimitMicroseconds = 0,
            TimeLimitMicroseconds = 10_000_000,
        };
        foreach (var workload in new IForecastWorkload[] { ForecastCases.Sweep(1.5), ForecastCases.Steady(1.5) })
        {
            var limited = Forecaster.Run(workload, parameters, _memory with { Vcpus = vcpus })
                .Rounds.Where(round => round.DirtyLimited).ToList();
            Assert.NotEmpty(limited);
            var seconds = limited.Sum(round => round.Microseconds) / 1e6;
            // What was saved up before, and a page for each round's end.
            Assert.InRange(limited.Sum(round => round.DirtyPages), 1, (PagesPerSecond * vcpus * (seconds + 1)) + limited.Count);
        }
    }

    [Fact]
    public void Post_copy_stops_for_the_list_of_missing_pages_and_blocks_for_those_that_are_written_before_they_come()
    {
        var forecast = Forecaster.Run(
            ForecastCases.Sweep(1.1), ForecastCases.Parameters with { PostcopyAfterRounds = 2 },
            _memory with { SwitchoverCostMicroseconds = 700 });
        Assert.Equal((ForecastVerdict.Postcopy, 2), (forecast.Verdict, forecast.Rounds.Count));
        var postcopy = forecast.Postcopy!;
        // All pages are dirty: one run.
        Assert.Equal(
            (ForecastCases.MemoryPages, 16 + 14, 200), (postcopy.MissingPages, postcopy.DiscardBytes, postcopy.DurationMilliseconds));
        Assert.Equal(0.7, forecast.DowntimeMilliseconds!.Value, 0.01);
        Assert.InRange(postcopy.PostcopyRequests, 1, postcopy.MissingPages);
        Assert.Equal(postcopy.PostcopyRequests * (0.1 + 0.01), postcopy.BlocktimeMilliseconds, 0.01);
    }

    [Fact]
    public void The_rest_goes_at_the_bandwidth_of_the_stop_and_the_sender_may_be_told_of_it()
    {
        var capped = ForecastCases.Parameters;
        var (own, free) = (
            Forecaster.Run(ForecastCases.Sweep(0.5), capped, _memory),
            Forecaster.Run(ForecastCases.Sweep(0.5), capped, _memory with { StopBytesPerSecond = 10.0 * ForecastCases.Bandwidth }));
        Assert.Equal(own.Rounds.Count, free.Rounds.Count);
        Assert.Equal(own.DowntimeMilliseconds!.Value / 10, free.DowntimeMilliseconds!.Value, 0.001);
        // It stops with ten times as much left, three or four halvings earlier.
        var told = Forecaster.Run(
            ForecastCases.Sweep(0.5), capped with { AvailSwitchoverBandwidth = 10 * ForecastCases.Bandwidth },
            _memory with { StopBytesPerSecond = 10.0 * ForecastCases.Bandwidth });
        Assert.InRange(own.Rounds.Count - told.Rounds.Count, 3, 4);
        Assert.True(told.DowntimeMilliseconds * 1000 <= capped.DowntimeLimitMicroseconds);
    }

    [Fact]
    public void The_push_has_a_bandwidth_of_its_own_if_it_was_given_one()
    {
        var parameters = ForecastCases.Parameters with
        {
            PostcopyAfterRounds = 1,
            MaxPostcopyBandwidth = ForecastCases.Parameters.MaxBandwidth / 4,
        };
        var (own, shared) = (
            Forecaster.Run(ForecastCases.Sweep(1.1), parameters, _memory),
            Forecaster.Run(ForecastCases.Sweep(1.1), parameters with { MaxPostcopyBandwidth = 0 }, _memory));
        Assert.Equal(4 * shared.Postcopy!.DurationMilliseconds, own.Postcopy!.DurationMilliseconds, 0.01);
        Assert.Equal(shared.DowntimeMilliseconds, own.DowntimeMilliseconds);
    }

    [Fact]
    public void The_bandwidth_and_the_downtime_limit_that_are_named_make_it_converge_and_clearly_less_does_not()
    {
        var timeline = DirtyTimeline.Load(RecordedTraces.PathOf("xz"));
        var parameters = new MigrationParameters
        {
            MaxBandwidth = 300L << 20,
            DowntimeLimitMicroseconds = 10_000,
            TimeLimitMicroseconds = 10_000_000,
        };
        var forecast = Forecaster.Run(timeline, parameters, new ForecastSettings());
        Assert.Equal(ForecastVerdict.Diverging, forecast.Verdict);
        var bandwidth = ConvergenceLimits.FindBandwidth(timeline, parameters, new ForecastSettings())!.Value;
        Assert.Equal(ForecastVerdict.Converges, Verdict(parameters with { MaxBandwidth = bandwidth }));
        Assert.Equal(ForecastVerdict.Diverging, Verdict(parameters with { MaxBandwidth = (long)(bandwidth * 0.9) }));
        var downtime = ConvergenceLimits.FindDowntimeMilliseconds(forecast, parameters, new ForecastSettings())!.Value;
        Assert.Equal(ForecastVerdict.Converges, Verdict(parameters with { DowntimeLimitMicroseconds = downtime * 1000 }));
        Assert.Equal(ForecastVerdict.Diverging, Verdict(parameters with { DowntimeLimitMicroseconds = (downtime - 1) * 1000 }));

        ForecastVerdict Verdict(MigrationParameters changed) => Forecaster.Run(timeline, changed, new ForecastSettings()).Verdict;
    }

    [Fact]
    public void A_link_that_cannot_carry_the_memory_in_time_is_out_of_time_and_not_diverging()
    {
        var forecast = Forecaster.Run(ForecastCases.Sweep(0.1), ForecastCases.Parameters with { TimeLimitMicroseconds = 100_000 }, _memory);
        Assert.Equal((ForecastVerdict.OutOfTime, ForecastLimit.TimeLimit, 1), (forecast.Verdict, forecast.Limit, forecast.Rounds.Count));
    }

    [Fact]
    public void Zero_pages_cost_their_header_and_only_in_round_0()
    {
        var forecast = Forecaster.Run(ForecastCases.Sweep(0.1), ForecastCases.Parameters, _memory with { ZeroShare = 0.25 });
        Assert.Equal((5_000, 5_000 * 9 + 15_000 * ForecastCases.PageBytes), (forecast.Rounds[0].ZeroPages, forecast.Rounds[0].Bytes));
        Assert.All(forecast.Rounds.Skip(1), round => Assert.Equal(0, round.ZeroPages));
    }
}
