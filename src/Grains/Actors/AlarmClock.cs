using System.Threading.Tasks.Sources;
using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Actors;

/// <summary>
/// One timer for all sleepers of a silo. A timer for each would cost a walk over thousands of them at every tick. Wake-ups come together: a
/// sleep ends at a whole millisecond, and a long one at a multiple of up to an eighth of its length, as in the kernel's timer wheel
/// (kernel/time/timer.c). Safe from any thread.
/// </summary>
/// <param name="time">the clock and the timer</param>
internal sealed class AlarmClock(TimeProvider time) : IDisposable
{
    private const long MicrosecondsPerMillisecond = 1_000;

    /// <summary>A sleep is at most this part of its length too long, or a millisecond.</summary>
    private const long SlackPart = 8;

    private readonly Lock _gate = new();
    private readonly PriorityQueue<Sleeper, long> _queue = new();
    private readonly List<Sleeper> _ringing = [];
    private ITimer? _timer;
    private long _rings = long.MaxValue;

    /// <summary>Alarms that are set, and some that were set to another time since.</summary>
    internal int QueuedCount
    {
        get
        {
            lock (_gate) return _queue.Count;
        }
    }

    /// <summary>Wakes the sleeper after so long, and not before. It has one alarm, which a new one replaces.</summary>
    public void Set(Sleeper sleeper, long microseconds)
    {
        var now = time.MonotonicMicroseconds();
        var due = RoundUp(now + microseconds, Slack(microseconds));
        lock (_gate)
        {
            sleeper.Due = due;

            // Where it is queued for an earlier time, that is when the clock looks again.
            if (sleeper.Queued <= due) return;
            Queue(sleeper, due);
            if (due < _rings) Arm(now, due);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _timer?.Dispose();
            _rings = long.MinValue;
        }
    }

    private static long Slack(long microseconds)
    {
        var slack = MicrosecondsPerMillisecond;
        while (2 * slack * SlackPart <= microseconds) slack *= 2;
        return slack;
    }

    private static long RoundUp(long value, long unit) => (value + unit - 1) / unit * unit;

    private void Queue(Sleeper sleeper, long due)
    {
        sleeper.Queued = due;
        _queue.Enqueue(sleeper, due);
    }

    private void Arm(long now, long due)
    {
        if (_rings == long.MinValue) return;
        _rings = due;
        _timer ??= time.CreateTimer(
            static clock => ((AlarmClock)clock!).Ring(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var milliseconds = RoundUp(Math.Max(1, due - now), MicrosecondsPerMillisecond) / MicrosecondsPerMillisecond;
        _timer.Change(TimeSpan.FromMilliseconds(milliseconds), Timeout.InfiniteTimeSpan);
    }

    private void Ring()
    {
        lock (_gate)
        {
            var now = time.MonotonicMicroseconds();
            while (_queue.TryPeek(out var sleeper, out var at) && at <= now)
            {
                _queue.Dequeue();
                if (sleeper.Queued != at) continue;
                sleeper.Queued = long.MaxValue;
                if (sleeper.Due > at) Queue(sleeper, sleeper.Due);
                else _ringing.Add(sleeper);
            }

            // No sleeper runs here: each continues on its actor's turns.
            foreach (var sleeper in _ringing) sleeper.Wake();
            _ringing.Clear();
            if (_queue.TryPeek(out _, out var next)) Arm(now, next);
            else if (_rings != long.MinValue) _rings = long.MaxValue;
        }
    }
}

/// <summary>
/// What one actor sleeps with, over and over: it costs no memory. One sleep at a time; whoever is first ends it, an alarm or a wake-up. An
/// alarm that comes late ends the next sleep early.
/// </summary>
internal sealed class Sleeper : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _isAsleep;

    /// <summary>Of the alarm; guarded by the clock.</summary>
    internal long Due { get; set; }

    /// <summary>When the clock looks at it next; never without a place in its queue.</summary>
    internal long Queued { get; set; } = long.MaxValue;

    /// <summary>A sleep begins.</summary>
    public ValueTask SleepAsync(AlarmClock clock, long microseconds)
    {
        var sleep = Begin();
        clock.Set(this, microseconds);
        return sleep;
    }

    /// <summary>A sleep begins that ends with <see cref="Wake"/>.</summary>
    public ValueTask Begin()
    {
        _core.Reset();
        var sleep = new ValueTask(this, _core.Version);
        Volatile.Write(ref _isAsleep, 1);
        return sleep;
    }

    /// <summary>Ends the sleep, if there is one; from any thread.</summary>
    public void Wake()
    {
        if (Interlocked.Exchange(ref _isAsleep, 0) == 1) _core.SetResult(true);
    }

    void IValueTaskSource.GetResult(short token) => _core.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _core.GetStatus(token);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
