using CsCheck;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.Tests.Guests;

namespace Livebed.Kvm.Tests.Prediction;

/// <summary>Which writes of a round the trace-driven model sees, and what follows from it.</summary>
public sealed class TraceForecastTests
{
    // 128 pages in two chunks, over a link on which round 0 takes 10 ms: the second chunk's turn comes after 5 ms.
    private static readonly MigrationParameters _twoChunks = ForecastCases.Parameters with
    {
        MaxBandwidth = ForecastCases.PageBytes * 12_800,
        BatchPages = 64,
        DowntimeLimitMicroseconds = 1_000_000,
    };

    private static readonly string[] _writes = ["1000 0", "2000 100", "6000 101", "50000 1"];

    [Theory]
    [InlineData(DirtyLogClear.ManualProtect, 1, 2)]
    // A second channel takes the second chunk at once.
    [InlineData(DirtyLogClear.ManualProtect, 2, 3)]
    [InlineData(DirtyLogClear.Plain, 1, 3)]
    public void A_page_is_dirty_again_if_it_is_written_after_its_clear_and_only_then(DirtyLogClear clear, int channels, int dirtied)
    {
        var forecast = Forecaster.Run(
            ForecastCases.Load(128, _writes), _twoChunks with { Channels = channels }, new ForecastSettings { Clear = clear });
        Assert.Equal(dirtied, forecast.Rounds[0].DirtyPages);
        Assert.Equal(10_000, forecast.Rounds[0].Microseconds);
    }

    [Fact]
    public void The_writes_are_those_of_the_guest_that_replays_the_trace_over_its_end_and_on()
    {
        // Speed 1 and one vCPU: the same pages in the same order; times of the guest are whole microseconds.
        foreach (var path in new[] { RecordedTraces.Redis, RecordedTraces.Sqlite })
        {
            var timeline = DirtyTimeline.Load(path);
            using var guest = new TraceGuestSpec(path).Create(seed: 1, vmOrdinal: 1, vcpu: 0, vcpus: 1, new Gfn(0), 4096);
            var cursor = new DirtyTimeline.Cursor(timeline, 0);
            var operations = new GuestOperation[1];
            for (var i = 0; i < 2_000_000; i++)
            {
                var due = guest.NextDueMicroseconds;
                guest.Next(operations, long.MaxValue / 2);
                if (cursor.Page != (int)operations[0].Gfn.Value || Math.Abs(cursor.DueMicroseconds - due) > 1)
                    Assert.Fail($"write {i} of {path}: page {cursor.Page} at {cursor.DueMicroseconds}, and {operations[0].Gfn} at {due}");
                cursor.Advance();
            }
        }
    }

    [Fact]
    public void A_cursor_that_is_put_somewhere_stands_where_one_that_went_there_stands()
    {
        var timeline = DirtyTimeline.Load(RecordedTraces.Sqlite);
        Gen.Double[0, 3.0 * timeline.PassMicroseconds].Sample(
            time =>
            {
                var (walked, put) = (new DirtyTimeline.Cursor(timeline, 0), new DirtyTimeline.Cursor(timeline, time));
                while (walked.DueMicroseconds < time) walked.Advance();
                return (walked.Page, walked.DueMicroseconds) == (put.Page, put.DueMicroseconds);
            }, iter: 20);
    }

    [Fact]
    public void A_round_that_is_longer_than_the_recording_sees_every_page_that_is_ever_written()
    {
        var timeline = ForecastCases.Load(1000, "0 1+10", "10000 500+10", "20000");
        var forecast = Forecaster.Run(
            timeline, ForecastCases.Parameters with { MaxBandwidth = ForecastCases.PageBytes * 1000 }, ForecastCases.Plain);
        Assert.Equal(20, forecast.Rounds[0].DirtyPages);
    }

    [Fact]
    public void What_is_transferred_is_the_rounds_and_the_rest_and_each_round_sends_what_the_one_before_left()
    {
        var timeline = DirtyTimeline.Load(RecordedTraces.Redis);
        Gen.Select(Gen.Long[50, 2000], Gen.Long[1, 300], Gen.Int[0, 3], Gen.Enum<ThrottleKind>(), Gen.Double[0, 1]).Sample(
            (mebibytes, downtime, postcopy, throttle, zeroShare) =>
            {
                var parameters = ForecastCases.Parameters with
                {
                    MaxBandwidth = mebibytes << 20,
                    DowntimeLimitMicroseconds = downtime * 1000,
                    PostcopyAfterRounds = postcopy,
                    Throttle = throttle,
                    TimeLimitMicroseconds = 8_000_000,
                };
                var forecast = Forecaster.Run(timeline, parameters, new ForecastSettings { ZeroShare = zeroShare });
                var rounds = forecast.Rounds;
                for (var i = 1; i < rounds.Count; i++)
                    Assert.Equal((rounds[i - 1].DirtyPages, rounds[i - 1].RemainingBytes), (rounds[i].Pages, rounds[i].Bytes));
                var rest = forecast.Completes ? rounds[^1].RemainingBytes + (forecast.Postcopy?.DiscardBytes ?? 0) : 0;
                Assert.Equal(rounds.Sum(round => round.Bytes) + rest, forecast.Transferred);
                // The link was never idle and never carried more than it can.
                var busy = forecast.TotalTimeMilliseconds * parameters.MaxBandwidth / 1e3;
                Assert.Equal(forecast.Transferred, busy, 0.002 * (rounds.Count + 2) / 1e3 * parameters.MaxBandwidth);
            }, iter: 60);
    }

    [Fact]
    public void At_a_steady_rate_more_bandwidth_never_takes_more_rounds() =>
        Gen.Select(Gen.Double[0, 2], Gen.Double[100, 1e6], Gen.Double[0.05, 4], Gen.Double[1, 3]).Sample((share, hot, bandwidth, factor) =>
        {
            var workload = new SteadyWorkload(new WorkingSet(share * 100_000, hot));
            var settings = ForecastCases.Plain with { MemoryPages = ForecastCases.MemoryPages };
            var slow = Forecaster.Run(
                workload, ForecastCases.Parameters with { MaxBandwidth = (long)(ForecastCases.Bandwidth * bandwidth) }, settings);
            var fast = Forecaster.Run(
                workload, ForecastCases.Parameters with { MaxBandwidth = (long)(ForecastCases.Bandwidth * bandwidth * factor) }, settings);
            // Fractions of pages are carried on, which may move a round by a page and so, at the threshold, the number of rounds by one.
            if (slow.Verdict == ForecastVerdict.Converges) Assert.InRange(fast.Rounds.Count, 1, slow.Rounds.Count + 1);
        });

    [Fact]
    public void With_a_burst_it_can_take_more_rounds_as_the_faster_link_meets_the_burst_in_two_of_them()
    {
        // 50 pages in the eleventh millisecond. Round 0 takes 20 ms or 10.5 ms.
        var timeline = ForecastCases.Load(100, "10000 0+50", "11000", "1000000");
        Assert.Equal((2, 3), (Rounds(20), Rounds(10.5)));

        int Rounds(double firstRoundMilliseconds)
        {
            var bandwidth = (long)(100 * ForecastCases.PageBytes / firstRoundMilliseconds * 1000);
            var downtime = (long)(10 * firstRoundMilliseconds / 100 * 1000);
            return Forecaster.Run(
                timeline, ForecastCases.Parameters with { MaxBandwidth = bandwidth, DowntimeLimitMicroseconds = downtime },
                ForecastCases.Plain).Rounds.Count;
        }
    }
}
