using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>One round ahead, and what is said of a round that was otherwise.</summary>
public sealed class PredictionGapTests
{
    private static readonly RoundPredictor _predictor = new(
        4096, ForecastCases.MemoryPages, ForecastCases.Bandwidth, DowntimeLimitMicroseconds: 1_000);
    private static readonly Round _forecast = _predictor.Predict(round: 1, pages: 10_000, dirtyPagesPerSecond: 50_000);

    [Fact]
    public void A_round_is_what_is_sent_over_the_bandwidth_and_dirties_its_rate_for_as_long()
    {
        Assert.Equal(
            (10_000 * ForecastCases.PageBytes, 100_000, 5_000, 50_000),
            (_forecast.Bytes, _forecast.Microseconds, _forecast.DirtyPages, _forecast.ExpectedDowntimeMicroseconds));
        Assert.Equal(7, _predictor.RoundsLeft(10_000, 50_000));
        Assert.Null(_predictor.RoundsLeft(10_000, 110_000));
        // What is left fits into the downtime limit, however fast the guest writes.
        Assert.Equal(1, _predictor.RoundsLeft(90, 110_000));
        Assert.Equal(ForecastCases.MemoryPages, _predictor.Predict(0, ForecastCases.MemoryPages, 1e9).DirtyPages);
    }

    [Fact]
    public void A_round_as_expected_has_no_gap()
    {
        var gap = Between(Measured());
        Assert.Equal((true, GapReason.None), (gap.Holds, gap.Reason));
        Assert.Equal(0, gap.Largest);
        Assert.True(Between(Measured() with { DirtyPages = 5_400 }).Holds);
    }

    [Fact]
    public void The_reason_is_what_was_measured()
    {
        Assert.Equal(
            GapReason.Throttled, Between(Measured() with { DirtyPages = 4_000, ThrottlePercentage = 20, RingFullExits = 3 }).Reason);
        Assert.Equal(GapReason.Throttled, Between(Measured() with { DirtyPages = 4_000, DirtyLimited = true }).Reason);
        Assert.Equal(GapReason.RingFull, Between(Measured() with { DirtyPages = 4_000, RingFullExits = 3 }).Reason);
        var slow = Between(Measured() with { Microseconds = 150_000, DirtyPages = 7_500 });
        Assert.Equal(GapReason.LinkSaturated, slow.Reason);
        Assert.Equal(0.5, slow.Largest, 1e-9);
        // Others had the link for 40 of the 50 ms that it took too long; then for 20 of them.
        Assert.Equal(
            GapReason.LinkShared,
            Between(Measured() with { Microseconds = 150_000, DirtyPages = 7_500, LinkWaitMicroseconds = 40_000 }).Reason);
        Assert.Equal(
            GapReason.LinkSaturated,
            Between(Measured() with { Microseconds = 150_000, DirtyPages = 7_500, LinkWaitMicroseconds = 20_000 }).Reason);
        Assert.Equal(GapReason.None, Between(Measured() with { LinkWaitMicroseconds = 40_000 }).Reason);
        Assert.Equal(GapReason.DirtyRate, Between(Measured() with { DirtyPages = 4_000 }).Reason);
        var unexplained = Between(
            Measured() with { Bytes = _forecast.Bytes * 2, Microseconds = 200_000, DirtyPages = 10_000 });
        Assert.Equal((false, GapReason.None), (unexplained.Holds, unexplained.Reason));
        // A ring was full, and it made no difference.
        Assert.Equal(GapReason.None, Between(Measured() with { RingFullExits = 3 }).Reason);
    }

    [Fact]
    public void Zero_pages_that_nobody_knew_of_are_the_reason_where_they_explain_the_bytes()
    {
        const int Zero = 8_000;
        var bytes = _forecast.Bytes - Zero * (ForecastCases.PageBytes - WireFormat.ZeroPageBytes);
        var round = Measured() with { Bytes = bytes, Microseconds = 25_000, DirtyPages = 1_250, ZeroPages = Zero };
        Assert.Equal(GapReason.ZeroPages, Between(round).Reason);

        // As few bytes, and no zero pages: they are not the reason, nor is the rate, nor the link.
        Assert.Equal(GapReason.None, Between(round with { ZeroPages = 0, Microseconds = 20_500, DirtyPages = 1_025 }).Reason);
    }

    [Fact]
    public void Of_two_reasons_it_is_that_of_the_larger_error()
    {
        // A round that took twice as long over a slow link, in which the guest wrote five times as fast, and one in which it wrote a
        // quarter faster.
        Assert.Equal(GapReason.DirtyRate, Between(Measured() with { Microseconds = 200_000, DirtyPages = 50_000 }).Reason);
        Assert.Equal(GapReason.LinkSaturated, Between(Measured() with { Microseconds = 200_000, DirtyPages = 6_250 }).Reason);
    }

    [Fact]
    public void A_few_pages_are_no_gap()
    {
        var small = _predictor.Predict(round: 2, pages: 10, dirtyPagesPerSecond: 50_000);
        Assert.True(
            PredictionGap.Between(small, new Round(2, 14, 0, 14 * ForecastCases.PageBytes, 140, 9, 0, 0), 4096, ForecastCases.Bandwidth)
                .Holds);
    }

    [Fact]
    public void Another_rounds_forecast_is_refused() =>
        Assert.Throws<ArgumentException>(
            () => PredictionGap.Between(_forecast, Measured() with { Number = 2 }, 4096, ForecastCases.Bandwidth));

    private static Round Measured() => new(1, 10_000, 0, _forecast.Bytes, _forecast.Microseconds, _forecast.DirtyPages, 0, 0);

    private static PredictionGap Between(Round measured) =>
        PredictionGap.Between(_forecast, measured, 4096, ForecastCases.Bandwidth);
}
