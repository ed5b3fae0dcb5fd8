using Livebed.Linux.Processes;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Tests;

/// <summary>When a look has to wait, and what a recording is said to have cost.</summary>
public sealed class SlowdownLimitTests
{
    /// <summary>A process that never sleeps, in microseconds.</summary>
    private static TargetTime Ran(double microseconds) => new(microseconds, microseconds, 0);

    [Fact]
    public void A_look_waits_until_the_faults_so_far_are_the_share_that_they_may_be()
    {
        var limit = new SlowdownLimit(most: 0.5, leastPrice: 10);
        Assert.Equal(0, limit.Slowdown(Ran(1000)));
        limit.Looked(50, wasPutOff: false, Ran(10_000));
        // 500 us of faults are half of 1000 us of work.
        Assert.Equal(1500 - 1000, limit.Owed(Ran(1000)));
        Assert.True(limit.Owed(Ran(1500)) <= 0);
        // Those since the look count when they are counted, and once.
        limit.Count(50);
        Assert.Equal(3000 - 1500, limit.Owed(Ran(1500)));
        limit.Looked(50, wasPutOff: true, Ran(20_000));
        Assert.Equal(1000.0 / 9000, limit.Slowdown(Ran(10_000)), 9);
        Assert.Equal(1, limit.PutOff);
        Assert.StartsWith("1 interval was longer than asked for", limit.Note(0.1, TimeSpan.Zero), StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_process_ran_for_little_but_faults_is_their_price()
    {
        var limit = new SlowdownLimit(most: 1, leastPrice: 10);
        // Ten times the least price says that it did something else, and less than the least is a clock that came late.
        limit.Looked(1000, wasPutOff: false, Ran(100_000));
        Assert.Equal(10, limit.FaultMicroseconds);
        limit.Looked(1000, wasPutOff: false, Ran(120_000));
        Assert.Equal(20, limit.FaultMicroseconds);
        limit.Looked(10_000, wasPutOff: false, Ran(130_000));
        Assert.Equal(10, limit.FaultMicroseconds);
        Assert.Equal(double.PositiveInfinity, limit.Slowdown(Ran(120_000)));
    }

    [Fact]
    public void A_process_has_the_time_that_it_runs_or_sleeps_and_not_what_it_waits_for_a_processor()
    {
        Assert.Equal(700, new TargetTime(Elapsed: 1000, Ran: 100, Waited: 300).Had);
        Assert.Equal(2500, new TargetTime(Elapsed: 1000, Ran: 2500, Waited: 0).Had);
        var since = new TargetTime(Elapsed: 1000, Ran: 100, Waited: 3) - new TargetTime(Elapsed: 100, Ran: 10, Waited: 7);
        Assert.Equal(new TargetTime(900, 90, 0), since);
    }
}
