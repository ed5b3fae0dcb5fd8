using System.Diagnostics;
using Livebed.Grains.Actors;
using Livebed.Grains.Tests.Hosting;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

public sealed class ClusterWorldTests
{
    private readonly SteppedTime _time = new();
    private readonly Waits _waits = new();

    [Theory]
    [InlineData(SchedulingPoint.LockAcquire)]
    [InlineData(SchedulingPoint.MmStep)]
    [InlineData(SchedulingPoint.FaultStep)]
    [InlineData(SchedulingPoint.TlbFlush)]
    [InlineData(SchedulingPoint.GuestAccess)]
    public void A_scheduling_point_costs_nothing_however_long_the_turn(SchedulingPoint point)
    {
        var world = new ClusterWorld(_waits, _time);
        _time.Advance(1_000_000);
        Assert.True(world.PointAsync(point).IsCompletedSuccessfully);
    }

    [Fact]
    public async Task A_short_turn_does_not_give_way()
    {
        var world = new ClusterWorld(_waits, _time);
        _time.Advance(999);
        await world.PointAsync(SchedulingPoint.Yield);
        Assert.Empty(_waits.Microseconds);
    }

    [Fact]
    public async Task A_long_turn_gives_way_once_and_then_is_a_new_turn()
    {
        var world = new ClusterWorld(_waits, _time);
        _time.Advance(1_000);
        await world.PointAsync(SchedulingPoint.Yield);
        await world.PointAsync(SchedulingPoint.Yield);
        Assert.Equal([0L], _waits.Microseconds);
    }

    [Fact]
    public async Task A_turn_counts_from_the_end_of_a_delay()
    {
        var world = new ClusterWorld(_waits, _time, turnMicroseconds: 500);
        _time.Advance(499);
        await world.DelayAsync(1_000);
        _time.Advance(499);
        await world.PointAsync(SchedulingPoint.Yield);
        Assert.Empty(_waits.Microseconds);
        _time.Advance(1);
        await world.PointAsync(SchedulingPoint.Yield);
        Assert.Single(_waits.Microseconds);
    }

    [Fact]
    public void Time_is_the_machines_monotonic_clock_in_microseconds()
    {
        var before = Stopwatch.GetTimestamp() * (1e6 / Stopwatch.Frequency);
        var now = new ClusterWorld(_waits).NowMicroseconds;
        var after = Stopwatch.GetTimestamp() * (1e6 / Stopwatch.Frequency);
        Assert.InRange(now, (long)before, (long)after + 1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(300)]
    [InlineData(1_500)]
    public async Task A_delay_never_ends_early(long microseconds)
    {
        var world = new ClusterWorld(_waits);
        var began = world.NowMicroseconds;
        await world.DelayAsync(microseconds);
        Assert.True(world.NowMicroseconds - began >= microseconds);
    }

    /// <summary>However many there are, and afterwards nothing looks at the clock any more.</summary>
    [Fact]
    public async Task Many_short_delays_end_none_early_and_leave_no_processor_busy()
    {
        var delays = new ShortDelays(TimeProvider.System);
        await Task.WhenAll(Enumerable.Range(1, 300).Select(async microseconds =>
        {
            var began = Stopwatch.GetTimestamp();
            await delays.DelayAsync(microseconds);
            Assert.True(Stopwatch.GetElapsedTime(began).TotalMicroseconds >= microseconds);
        }));
        await Until.HoldsAsync(() => Task.FromResult(delays.IsWatched), watched => !watched, "the end of looking");
    }

    /// <summary>The clock stands still, so no alarm rings.</summary>
    [Fact]
    public async Task A_sleep_ends_when_it_is_woken()
    {
        using var alarms = new AlarmClock(_time);
        var (world, wakeup) = (new ClusterWorld(_waits, _time) { Alarms = alarms }, new Wakeup());
        for (var sleep = 0; sleep < 3; sleep++)
        {
            var asleep = world.SleepAsync(10_000_000, wakeup).AsTask();
            Assert.False(asleep.IsCompleted);
            wakeup.Wake();
            await asleep;
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(1_000_001)]
    public void A_delay_out_of_bounds_is_refused(long microseconds) =>
        Assert.Throws<ArgumentOutOfRangeException>(() => { new ClusterWorld(_waits).DelayAsync(microseconds); });

    private sealed class Waits : NullObserver
    {
        public List<long> Microseconds { get; } = [];
        public override void TurnWaited(long microseconds) => Microseconds.Add(microseconds);
    }
}
