namespace Livebed.Kvm.World;

/// <summary>
/// A clock that goes only while its process runs. A task of the process calls <see cref="Beat"/> after each rest of <see
/// cref="IntervalMicroseconds"/> and one pass through the thread pool, with the machine's monotonic clock. A beat is late if the process
/// was suspended or had no processor, or if the thread pool had no turn for it. Nothing else in the process had more turns then.
/// <para>
/// So a late beat counts for less. One that is at most <see cref="PassMicroseconds"/> late counts in full. A later one counts in the
/// ratio of the two: twice as late, half as much. Then the clock goes on by at most <see cref="PassMicroseconds"/>, or little more, for
/// each pass through the pool, however slow the machine is. A suspension of any length counts as one pass.
/// </para>
/// One task writes; any thread may read.
/// </summary>
[Untracked("tells time; no operation acts upon it")]
public sealed class RunningClock
{
    /// <summary>How long the task rests between two beats.</summary>
    public const long IntervalMicroseconds = 10_000;

    /// <summary>How late a beat may be in a process that runs as it should: timers are as coarse as that, and so are turns.</summary>
    public const long PassMicroseconds = 5_000;

    /// <summary>What counts as a standstill of its own: two hundred times a pass.</summary>
    public const long StandstillMicroseconds = 1_000_000;

    private readonly Lock _gate = new();
    private long? _lastBeat;
    private RunningTime _time;
    private long _ran;

    /// <summary>How long the process ran since the first beat, in microseconds.</summary>
    public long RanMicroseconds => Volatile.Read(ref _ran);

    /// <summary>When the last beat was; null before the first.</summary>
    public long? LastBeatMicroseconds
    {
        get
        {
            lock (_gate) return _lastBeat;
        }
    }

    /// <summary>The process begins something that has nothing to do with what it did before; its clock may be set meanwhile.</summary>
    public void Restart()
    {
        lock (_gate) (_lastBeat, _time, _ran) = (null, default, 0);
    }

    /// <summary>Until the last beat.</summary>
    public RunningTime Read()
    {
        lock (_gate) return _time;
    }

    /// <param name="nowMicroseconds">monotonic</param>
    /// <exception cref="ArgumentException">Time went backwards.</exception>
    public void Beat(long nowMicroseconds)
    {
        lock (_gate)
        {
            var elapsed = nowMicroseconds - (_lastBeat ?? nowMicroseconds);
            if (elapsed < 0)
                throw new ArgumentException($"a beat at {nowMicroseconds} us after one at {_lastBeat} us", nameof(nowMicroseconds));
            _lastBeat = nowMicroseconds;
            var late = elapsed - IntervalMicroseconds;
            var ran = late <= PassMicroseconds ? elapsed : (long)((double)elapsed * PassMicroseconds / late);
            var stood = elapsed - ran;
            _time = new RunningTime(
                _time.RanMicroseconds + ran, _time.StoodMicroseconds + stood, Math.Max(_time.LongestMicroseconds, stood),
                _time.Standstills + (stood >= StandstillMicroseconds ? 1 : 0));
            Volatile.Write(ref _ran, _time.RanMicroseconds);
        }
    }
}

/// <summary>How long a process ran and stood still since it began.</summary>
/// <param name="RanMicroseconds">it ran</param>
/// <param name="StoodMicroseconds">it stood still</param>
/// <param name="LongestMicroseconds">it stood still at once, at the longest</param>
/// <param name="Standstills">how often for <see cref="RunningClock.StandstillMicroseconds"/> or longer</param>
public readonly record struct RunningTime(long RanMicroseconds, long StoodMicroseconds, long LongestMicroseconds, int Standstills)
{
    /// <summary>All of its time.</summary>
    public long ElapsedMicroseconds => RanMicroseconds + StoodMicroseconds;
}
