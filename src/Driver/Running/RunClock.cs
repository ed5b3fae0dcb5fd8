using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// The time of a run. It counts by the machine's monotonic clock, which nothing sets and which all processes of the machine share. So only
/// <c>startedAt</c> depends on the wall clock. Safe from any thread.
/// </summary>
/// <param name="time">where the monotonic clock and timers come from</param>
internal sealed class RunClock(TimeProvider time)
{
    private readonly long _began = time.MonotonicMicroseconds();

    public TimeProvider Time { get; } = time;

    /// <summary>Since the run began.</summary>
    public long NowMicroseconds => Since(MonotonicMicroseconds);

    public long MonotonicMicroseconds => Time.MonotonicMicroseconds();

    /// <summary>The time for which the driver's process ran; a <see cref="Grains.Hosting.Heartbeat"/> moves it.</summary>
    public RunningClock Running { get; } = new();

    /// <summary>The figures of a run count from this monotonic time on; 0 while there is nothing to leave out.</summary>
    public long MeasuredFromMicroseconds { get; private set; }

    /// <summary>The warm-up is over.</summary>
    public void MeasureFromNow() => MeasuredFromMicroseconds = MonotonicMicroseconds;

    /// <summary>Since the run began, of a time that a silo took from the machine's monotonic clock.</summary>
    public long Since(long monotonicMicroseconds) => monotonicMicroseconds - _began;
}

/// <summary>
/// How long the driver waits for something: a limit that counts only time in which its process ran. By the monotonic clock it is a few
/// times as long at most, so that a wait also ends on a machine that hardly runs.
/// </summary>
internal sealed class Patience(RunClock clock, TimeSpan limit)
{
    private const int ElapsedPerLimit = 4;
    private static readonly TimeSpan Least = TimeSpan.FromMilliseconds(1);
    private readonly long _limit = (long)limit.TotalMicroseconds;
    private readonly long _began = clock.NowMicroseconds;
    private readonly long _ranBefore = clock.Running.RanMicroseconds;

    public bool IsOver => HasRun || Elapsed >= ElapsedPerLimit * _limit;

    /// <summary>Over because the process ran for so long, and not because it stood still.</summary>
    public bool HasRun => Ran >= _limit;

    private long Ran => clock.Running.RanMicroseconds - _ranBefore;
    private long Elapsed => clock.NowMicroseconds - _began;

    /// <summary>Completes when it is over or given up, and never fails.</summary>
    public async Task OverAsync(CancellationToken giveUp = default)
    {
        while (!IsOver && !giveUp.IsCancellationRequested)
        {
            var left = TimeSpan.FromMicroseconds(Math.Min(_limit - Ran, ElapsedPerLimit * _limit - Elapsed));
            await Task.Delay(left < Least ? Least : left, clock.Time, giveUp).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    /// <summary>For a reader: the limit, and what the process did with it.</summary>
    public override string ToString()
    {
        var (elapsed, stood) = (Elapsed / 1e6, Math.Max(0, Elapsed - Ran) / 1e6);
        return HasRun
            ? FormattableString.Invariant($"within {limit.TotalSeconds:0} s")
            : FormattableString.Invariant($"within {elapsed:0.0} s, of which the bed stood still for {stood:0.0} s");
    }
}
