using Livebed.Grains.Actors;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Many sleepers have one timer: none wakes early, none is forgotten, and long sleeps end together.</summary>
public sealed class AlarmClockTests
{
    [Theory]
    [InlineData(1, 1_000)]
    [InlineData(1_000, 1_000)]
    [InlineData(1_500, 1_000)]
    [InlineData(63_999, 4_000)]
    [InlineData(64_000, 8_000)]
    [InlineData(1_000_000, 64_000)]
    public void A_sleep_ends_not_before_its_time_and_by_a_bounded_part_of_it_later(long microseconds, long slack)
    {
        var time = new HandTimer();
        using var clock = new AlarmClock(time);
        foreach (var start in (long[])[0, 1, 999, 12_345])
        {
            time.Advance(start);
            var began = time.Now;
            var sleeper = new Sleeper();
            var sleep = sleeper.SleepAsync(clock, microseconds);
            while (!sleep.IsCompleted) time.AdvanceToTimer();
            Assert.InRange(time.Now - began, microseconds, microseconds + slack + 1_000);
        }
    }

    [Fact]
    public void Sleepers_of_a_second_are_woken_together()
    {
        var time = new HandTimer();
        using var clock = new AlarmClock(time);
        var sleeps = new List<ValueTask>();
        for (var sleeper = 0; sleeper < 1_000; sleeper++)
        {
            sleeps.Add(new Sleeper().SleepAsync(clock, 1_000_000));
            time.Advance(1_000);
        }

        var rings = 0;
        for (; !sleeps.TrueForAll(sleep => sleep.IsCompleted); rings++) time.AdvanceToTimer();
        Assert.InRange(rings, 1, 1_000 / 16 + 2);
        Assert.Equal(0, clock.QueuedCount);
    }

    [Fact]
    public async Task A_sleeper_that_is_woken_sleeps_again_and_a_shorter_sleep_is_not_held_up_by_the_longer_one_before()
    {
        var time = new HandTimer();
        using var clock = new AlarmClock(time);
        var sleeper = new Sleeper();
        var first = sleeper.SleepAsync(clock, 10_000_000);
        sleeper.Wake();
        await first;
        sleeper.Wake();
        var second = sleeper.SleepAsync(clock, 2_000);
        Assert.False(second.IsCompleted);
        time.AdvanceToTimer();
        await second;
        Assert.InRange(time.Now, 2_000, 4_000);

        var third = sleeper.SleepAsync(clock, 20_000_000);
        while (time.Now < 20_000_000)
        {
            Assert.False(third.IsCompleted);
            time.AdvanceToTimer();
        }

        await third;
    }

    /// <summary>A clock and one timer that are moved by hand.</summary>
    private sealed class HandTimer : TimeProvider, ITimer
    {
        private TimerCallback? _callback;
        private object? _state;
        private long _due = long.MaxValue;

        public long Now { get; private set; }

        public override long TimestampFrequency => 1_000_000;

        public override long GetTimestamp() => Now;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            (_callback, _state) = (callback, state);
            return this;
        }

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _due = Now + (long)dueTime.TotalMicroseconds;
            return true;
        }

        public void Advance(long microseconds)
        {
            var end = Now + microseconds;
            while (_due <= end) AdvanceToTimer();
            Now = end;
        }

        public void AdvanceToTimer()
        {
            (Now, _due) = (Math.Max(Now, _due), long.MaxValue);
            _callback!(_state);
        }

        public void Dispose()
        {
        }

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
