using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>Time as something of this bandwidth reckons with it: in nanoseconds, because bytes take that long, while the world has microseconds.</summary>
internal readonly struct LinkClock(IWorld world, long bytesPerSecond)
{
    private const long PieceMicroseconds = 1_000_000;
    private const long LateMax = 20_000_000;
    private const long PerSecond = 1_000_000_000;
    private const long PerMicrosecond = 1_000;

    public long Now => world.NowMicroseconds * PerMicrosecond;

    public long TimeOf(long bytes) => (long)((Int128)bytes * PerSecond / bytesPerSecond);

    /// <summary>How much of the time since then a timer that came late is to blame for: no more than timers are late.</summary>
    public long LateSince(long end) => Math.Clamp(Now - end, 0, LateMax);

    /// <summary>Until then, or for a second of it: who waits may have been given up. Not at all if it was then since the caller looked.</summary>
    public ValueTask SleepAsync(long end) => world.DelayAsync(Math.Clamp((end - Now + PerMicrosecond - 1) / PerMicrosecond, 0, PieceMicroseconds));
}
