using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.Tests.Guests;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>What our own sender takes beside its bytes, part by part. The link carries 100 pages a millisecond.</summary>
public sealed class SenderCostsTests
{
    private static readonly SenderCosts _slow = new()
    {
        SetupMicroseconds = 5_000,
        FirstPageMicroseconds = 20,
        PageMicroseconds = 15,
        RoundMicroseconds = 2_000,
    };

    private static ForecastSettings Settings(SenderCosts costs) => ForecastCases.Plain with
    {
        Sender = costs,
        SwitchoverCostMicroseconds = 3_000,
    };

    [Fact]
    public void Each_part_takes_its_time_once_and_a_page_where_it_takes_longer_than_the_link()
    {
        var idle = ForecastCases.Load(1000, "100000");
        var forecast = Forecaster.Run(idle, ForecastCases.Parameters, Settings(_slow));
        Assert.Equal(22_000, Assert.Single(forecast.Rounds).Microseconds);
        Assert.Equal((30, 3), (forecast.TotalTimeMilliseconds, forecast.DowntimeMilliseconds));
        forecast = Forecaster.Run(idle, ForecastCases.Parameters, Settings(_slow with { FirstPageMicroseconds = 5 }));
        Assert.Equal(12_000, Assert.Single(forecast.Rounds).Microseconds);
        Assert.Equal(13, Forecaster.Run(idle, ForecastCases.Parameters, Settings(SenderCosts.None)).TotalTimeMilliseconds);
    }

    /// <summary>100 pages fit at the link's name, and 45 of what the first round had.</summary>
    [Fact]
    public void The_guest_stops_when_the_rest_fits_at_what_the_round_had_and_not_at_the_link()
    {
        var once = ForecastCases.Load(1000, "5000 0+90", "6000", "10000000");
        Assert.Single(Forecaster.Run(once, ForecastCases.Parameters, Settings(SenderCosts.None)).Rounds);
        var forecast = Forecaster.Run(once, ForecastCases.Parameters, Settings(_slow));
        Assert.Equal([1000L, 90L], forecast.Rounds.Select(round => round.Pages));
        // Later pages have memory already: 90 of 15 us, and the round's end.
        Assert.Equal(3_350, forecast.Rounds[1].Microseconds);
    }

    [Fact]
    public void The_guest_writes_on_until_the_sync_that_ends_the_round()
    {
        var late = ForecastCases.Load(1000, "21000 7", "10000000");
        Assert.Equal(1, Forecaster.Run(late, ForecastCases.Parameters, Settings(_slow)).Rounds[0].DirtyPages);
        var without = _slow with { RoundMicroseconds = 0 };
        Assert.Equal(0, Forecaster.Run(late, ForecastCases.Parameters, Settings(without)).Rounds[0].DirtyPages);
    }

    [Fact]
    public void The_rest_goes_no_faster_than_the_sender_and_the_downtime_limit_that_is_named_is_enough()
    {
        var timeline = DirtyTimeline.Load(RecordedTraces.PathOf("xz"));
        var parameters = new MigrationParameters
        {
            MaxBandwidth = 250_000_000,
            DowntimeLimitMicroseconds = 5_000,
            TimeLimitMicroseconds = 10_000_000,
        };
        var settings = new ForecastSettings { Sender = SenderCosts.Measured, SwitchoverCostMicroseconds = 20_000 };
        var forecast = Forecaster.Run(timeline, parameters, settings);
        Assert.False(forecast.Completes);
        var limit = ConvergenceLimits.FindDowntimeMilliseconds(forecast, parameters, settings)!.Value;
        forecast = Forecaster.Run(timeline, parameters with { DowntimeLimitMicroseconds = limit * 1000 }, settings);
        Assert.Equal(ForecastVerdict.Converges, forecast.Verdict);
        var pages = forecast.DowntimeBytes / WireFormat.PageBytes(settings.PageSize);
        Assert.True(forecast.DowntimeMilliseconds - 20 >= pages * SenderCosts.Measured.PageMicroseconds / 1e3 - 0.001);
    }
}
