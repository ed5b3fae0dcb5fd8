using Livebed.Driver.Running;
using Livebed.Kvm.World;

namespace Livebed.Driver.Tests.Running;

/// <summary>How long a bed of several processes ran.</summary>
public sealed class BedClockTests
{
    private const long Second = 1_000_000;
    private readonly BedClock _bed = new(TimeSpan.FromSeconds(2));
    private long _round;

    [Fact]
    public void The_bed_runs_as_long_as_the_slowest_of_its_parts()
    {
        Round(("silo-0", Ran(3)), ("silo-1", Ran(2)), ("driver", Ran(9)));
        Assert.Equal(2 * Second, _bed.RanMicroseconds);
        Round(("silo-0", Ran(3.5)), ("silo-1", Ran(8)), ("driver", Ran(20)));
        Assert.Equal(2.5 * Second, _bed.RanMicroseconds);
    }

    [Fact]
    public void It_stands_still_while_one_part_does_or_says_nothing()
    {
        Round(("silo-0", Ran(1)), ("silo-1", Ran(1)));
        Round(("silo-0", Ran(2)));
        Assert.Equal(1 * Second, _bed.RanMicroseconds);
        Round(("silo-0", Ran(3)), ("silo-1", Ran(1)));
        Assert.Equal(1 * Second, _bed.RanMicroseconds);
        Round(("silo-0", Ran(4)), ("silo-1", Ran(2)));
        Assert.Equal(2 * Second, _bed.RanMicroseconds);
    }

    /// <summary>What a wait then lasts is the fault's doing.</summary>
    [Fact]
    public void It_does_not_run_while_a_nemesis_does_something()
    {
        Round(("silo-0", Ran(1)), ("driver", Ran(1)));
        _bed.Observed(++_round, [("silo-0", Ran(5)), ("driver", Ran(5))], isHarmed: true);
        Assert.Equal(1 * Second, _bed.RanMicroseconds);
        Round(("silo-0", Ran(6)), ("driver", Ran(6)));
        Assert.Equal(2 * Second, _bed.RanMicroseconds);
    }

    [Fact]
    public void A_part_that_has_left_holds_nothing_up_even_when_a_late_report_names_it()
    {
        Round(("silo-0", Ran(1)), ("silo-1", Ran(1)));
        _bed.Left("silo-1");
        Round(("silo-0", Ran(2)), ("silo-1", Ran(1)));
        Round(("silo-0", Ran(3)));
        Assert.Equal(3 * Second, _bed.RanMicroseconds);
    }

    [Fact]
    public void Of_two_readings_of_a_part_the_later_counts()
    {
        Round(("silo-0", Ran(3)), ("silo-0", Ran(4)));
        Assert.Equal(4 * Second, _bed.RanMicroseconds);
    }

    [Fact]
    public void What_is_under_way_has_come_when_the_bed_has_run_for_the_slack()
    {
        Round(("silo-0", Ran(1)));
        Assert.Equal(long.MinValue, _bed.CompleteMicroseconds);
        Round(("silo-0", Stood(1.1, 60)));
        Assert.Equal(long.MinValue, _bed.CompleteMicroseconds);
        Round(("silo-0", Stood(3, 60)));
        Assert.Equal(1, _bed.CompleteMicroseconds);
    }

    [Fact]
    public void A_standstill_is_told_with_its_length()
    {
        Round(("silo-0", Stood(10, 7)), ("silo-1", Stood(10, 7)), ("driver", Stood(10, 4)));
        var hit = Assert.Single(_bed.LimitsHit());
        Assert.Equal(("standstill", 1), (hit.Limit, hit.Times));
        Assert.StartsWith("the bed stood still for 7.0 s of 17.0 s, for 7.0 s at once", hit.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_silo_that_stood_still_alone_is_named()
    {
        Round(("silo-0", Ran(17)), ("silo-1", Stood(10, 7)), ("driver", Ran(17)));
        Assert.StartsWith("silo-1 stood still for 7.0 s", Assert.Single(_bed.LimitsHit()).Message, StringComparison.Ordinal);
    }

    /// <summary>Many beats a little late: no standstill of its own, but less than half of the time.</summary>
    [Fact]
    public void A_slow_bed_is_told_and_a_busy_one_is_not()
    {
        Round(("silo-0", new RunningTime(10 * Second, 9 * Second, 300_000, 0)));
        Assert.Empty(_bed.LimitsHit());
        Round(("silo-0", new RunningTime(11 * Second, 12 * Second, 300_000, 0)));
        Assert.Equal(0, Assert.Single(_bed.LimitsHit()).Times);
    }

    private static RunningTime Ran(double seconds) => Stood(seconds, 0);

    private static RunningTime Stood(double ran, double stood) =>
        new((long)(ran * Second), (long)(stood * Second), (long)(stood * Second), stood >= 1 ? 1 : 0);

    private void Round(params (string Part, RunningTime Time)[] readings) => _bed.Observed(++_round, readings);
}
