namespace Livebed.Grains.Hosting;

/// <summary>
/// The monotonic clock of a silo that serves drivers of other machines. The machines' clocks began at different times, so a run sets all of
/// its silos to the driver's time, as near as half a call's way there and back.
/// </summary>
public sealed class ShiftedTime(TimeProvider time) : TimeProvider
{
    private long _shift;

    /// <summary>What is added to the machine's clock. It is changed between runs only.</summary>
    public long ShiftMicroseconds
    {
        get => (long)(Volatile.Read(ref _shift) * (1e6 / TimestampFrequency));
        set => Volatile.Write(ref _shift, (long)(value * (TimestampFrequency / 1e6)));
    }

    public override long TimestampFrequency => time.TimestampFrequency;
    public override TimeZoneInfo LocalTimeZone => time.LocalTimeZone;

    public override long GetTimestamp() => time.GetTimestamp() + Volatile.Read(ref _shift);

    public override DateTimeOffset GetUtcNow() => time.GetUtcNow();

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
        time.CreateTimer(callback, state, dueTime, period);
}
