using Livebed.Kvm.Prediction;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>One round ahead, and what is said of a round that was otherwise.</summary>
public sealed class PredictionGapTests
{
    private static readonly RoundPredictor _predictor = new(
        4096, ForecastCases.MemoryPages, ForecastCases.Bandwidth, DowntimeLimitMicroseconds: 1_000);
    private static readonly ForecastRound _forecast = _predictor.Predict(round: 1, pages: 10_000, dirtyPagesPerSecond: 50_000);

    [Fact]
    public void A_round_is_what_is_sent_over_the_bandwidth_and_dirties_its_rate_for_as_long()
    {
        Assert.Equal(
            (10_000 * ForecastCases.PageBytes, 100, 5_000, 50),
            (_forecast.Transferred, _forecast.DurationMilliseconds, _forecast.DirtiedPages, _forecast.ExpectedDowntimeMilliseconds));
        Assert.Equal(7, _predictor.RoundsLeft(10_000, 50_000));
        Assert.Null(_predictor.RoundsLeft(10_000, 110_000));
        // What is left fits into the downtime limit, however fast the guest writes.
        Assert.Equal(1, _predictor.RoundsLeft(90, 110_000));
        Assert.Equal(ForecastCases.MemoryPages, _predictor.Predict(0, ForecastCases.MemoryPages, 1e9).DirtiedPages);
    }

    [Fact]
    public void A_round_as_expected_has_no_gap()
    {
        var gap = Between(Measured());
        Assert.Equal((true, GapReason.None), (gap.Holds, gap.Reason));
        Assert.Equal(0, gap.Largest);
        Assert.True(Between(Measured() with { DirtiedPages = 5_400 }).Holds);
    }

    [Fact]
    public void The_reason_is_what_was_measured()
    {
        Assert.Equal(
            GapReason.Throttled, Between(Measured() with { DirtiedPages = 4_000, CpuThrottlePercentage = 20, RingFullExits = 3 }).Reason);
        Assert.Equal(GapReason.Throttled, Between(Measured() with { DirtiedPages = 4_000, DirtyLimited = true }).Reason);
        Assert.Equal(GapReason.RingFull, Between(Measured() with { DirtiedPages = 4_000, RingFullExits = 3 }).Reason);
        var slow = Between(Measured() with { DurationMilliseconds = 150, DirtiedPages = 7_500 });
        Assert.Equal(GapReason.LinkSaturated, slow.Reason);
        Assert.Equal(0.5, slow.Largest, 1e-9);
        // Others had the link for 40 of the 50 ms that it took too long; then for 20 of them.
        Assert.Equal(
            GapReason.LinkShared,
            Between(Measured() with { DurationMilliseconds = 150, DirtiedPages = 7_500, LinkWaitMilliseconds = 40 }).Reason);
        Assert.Equal(
            GapReason.LinkSaturated,
            Between(Measured() with { DurationMilliseconds = 150, DirtiedPages = 7_500, LinkWaitMilliseconds = 20 }).Reason);
        Assert.Equal(GapReason.None, Between(Measured() with { LinkWaitMilliseconds = 40 }).Reason);
        Assert.Equal(GapReason.DirtyRate, Between(Measured() with { DirtiedPages = 4_000 }).Reason);
        var unexplained = Between(
            Measured() with { Transferred = _forecast.Transferred * 2, DurationMilliseconds = 200, DirtiedPages = 10_000 });
        Assert.Equal((false, GapReason.None), (unexplained.Holds, unexplained.Reason));
        // A ring was full, and it made no difference.
        Assert.Equal(GapReason.None, Between(Measured() with { RingFullExits = 3 }).Reason);
    }

    [Fact]
    public void Zero_pages_that_nobody_knew_of_are_the_reason_where_they_explain_the_bytes()
    {
        const int Zero = 8_000;
        var bytes = _forecast.Transferred - Zero * (ForecastCases.PageBytes - WireFormat.ZeroPageBytes);
        var round = Measured() with { Transferred = bytes, DurationMilliseconds = 25, DirtiedPages = 1_250, Duplicate = Zero };
        Assert.Equal(GapReason.ZeroPages, Between(round).Reason);

        // As few bytes, and no zero pages: they are not the reason, nor is the rate, nor the link.
        Assert.Equal(GapReason.None, Between(round with { Duplicate = 0, DurationMilliseconds = 20.5, DirtiedPages = 1_025 }).Reason);
    }

    [Fact]
    public void Of_two_reasons_it_is_that_of_the_larger_error()
    {
        // A round that took twice as long over a slow link, in which the guest wrote five times as fast, and one in which it wrote a
        // quarter faster.
        Assert.Equal(GapReason.DirtyRate, Between(Measured() with { DurationMilliseconds = 200, DirtiedPages = 50_000 }).Reason);
        Assert.Equal(GapReason.LinkSaturated, Between(Measured() with { DurationMilliseconds = 200, DirtiedPages = 6_250 }).Reason);
    }

    [Fact]
    public void A_few_pages_are_no_gap()
    {
        var small = _predictor.Predict(round: 2, pages: 10, dirtyPagesPerSecond: 50_000);
        Assert.True(
            PredictionGap.Between(small, new MeasuredRound(2, 14 * ForecastCases.PageBytes, 0.14, 9), 4096, ForecastCases.Bandwidth).Holds);
    }

    [Fact]
    public void Another_rounds_forecast_is_refused() =>
        Assert.Throws<ArgumentException>(
            () => PredictionGap.Between(_forecast, Measured() with { Round = 2 }, 4096, ForecastCases.Bandwidth));

    private static MeasuredRound Measured() => new(1, _forecast.Transferred, _forecast.DurationMilliseconds, _forecast.DirtiedPages);

    private static PredictionGap Between(MeasuredRound measured) =>
        PredictionGap.Between(_forecast, measured, 4096, ForecastCases.Bandwidth);
}
