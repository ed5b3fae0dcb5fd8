using CsCheck;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>How much of the time a process is said to have run, by how late its beats were.</summary>
public sealed class RunningClockTests
{
    private const long Second = 1_000_000;
    private const long OnTime = RunningClock.IntervalMicroseconds;
    private const long Pass = RunningClock.PassMicroseconds;

    private static readonly Gen<long> _lateness = Gen.OneOf(Gen.Long[0, Pass], Gen.Long[0, 100_000], Gen.Long[0, 30 * Second]);

    [Fact]
    public void Beats_on_time_count_in_full() =>
        Assert.Equal(new RunningTime(100 * (OnTime + Pass), 0, 0, 0), After([.. Enumerable.Repeat(Pass, 100)]));

    [Theory]
    [InlineData(7 * Second)]
    [InlineData(3_600 * Second)]
    public void A_suspension_of_any_length_counts_as_one_pass(long suspended)
    {
        var time = After(0, suspended, 0);
        Assert.InRange(time.RanMicroseconds, 2 * OnTime, 2 * OnTime + Pass + 10);
        Assert.InRange(time.LongestMicroseconds, suspended, suspended + OnTime);
        Assert.Equal(1, time.Standstills);
    }

    /// <summary>With 15 % of a processor out of two a beat was 80 ms late in the median, and the bed had a fourteenth of its
    /// turns.</summary>
    [Fact]
    public void A_slow_machine_has_time_for_as_many_passes_as_there_were()
    {
        var time = After([.. Enumerable.Repeat(80_000L, 1_000)]);
        Assert.InRange(time.RanMicroseconds / (double)time.ElapsedMicroseconds, 0.05, 0.07);
        Assert.Equal(0, time.Standstills);
    }

    [Fact]
    public void No_time_is_lost_and_none_counts_for_more_than_its_passes() => _lateness.Array[1, 100].Sample(late =>
    {
        var time = After(late);
        Assert.Equal(late.Sum() + late.Length * OnTime, time.ElapsedMicroseconds);
        Assert.InRange(time.RanMicroseconds, late.Length * Pass, late.Length * (OnTime + Pass));
    });

    [Fact]
    public void A_later_beat_counts_for_no_more_than_a_beat_at_the_edge() => Gen.Select(_lateness, _lateness).Sample((one, other) =>
    {
        var (less, more) = (Math.Min(one, other), Math.Max(one, other));
        Assert.True(After(more).RanMicroseconds <= Math.Max(After(less).RanMicroseconds, OnTime + Pass));
        Assert.True(After(more).StoodMicroseconds >= After(less).StoodMicroseconds);
    });

    [Fact]
    public void Time_that_goes_backwards_is_refused()
    {
        var clock = new RunningClock();
        clock.Beat(10);
        Assert.Throws<ArgumentException>(() => clock.Beat(9));
    }

    private static RunningTime After(params long[] late)
    {
        var clock = new RunningClock();
        var now = 42L;
        clock.Beat(now);
        foreach (var one in late) clock.Beat(now += OnTime + one);
        Assert.Equal(clock.Read().RanMicroseconds, clock.RanMicroseconds);
        return clock.Read();
    }
}
