using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// A stream's own bandwidth as a parameter of the model, so that what a migration does with it does not depend on the machine: bytes take
/// their time one after the other, over all channels, and whoever sends them waits until the last of its own has left. Keeps: over any time
/// in which somebody always has something to send, bytes over time is the bandwidth; timers that come late are made good by the next send,
/// and a stream that was idle has saved nothing up. Urgent bytes go at once, and put off by their time what has not left. What other
/// streams take of the link is <see cref="LinkScheduler"/>'s. Simplified: no latency, no protocol overhead.
/// </summary>
internal sealed class StreamRateLimiter(IWorld world, long bytesPerSecond)
{
    private readonly BandwidthClock _clock = new(world, bytesPerSecond);
    private readonly Place _place = new(world);
    private long _free;
    private long _late;
    private long _urgentFree;
    private long _putOff;

    /// <summary>Returns when the bytes have left, or, false, when <paramref name="isGivenUp"/> says so after at most a second
    /// more.</summary>
    public ValueTask<bool> PassAsync(long bytes, Func<bool> isGivenUp) => LeftAsync(Reserve(bytes), isGivenUp);

    /// <summary>The same, ahead of all that is not urgent.</summary>
    public ValueTask<bool> PassUrgentAsync(long bytes, Func<bool> isGivenUp)
    {
        if (bytesPerSecond == 0) return ValueTask.FromResult(!isGivenUp());
        _place.Writes();
        var (now, time) = (_clock.Now, _clock.TimeOf(bytes));
        if (_free > now) _putOff += time;
        _free = Math.Max(_free, now) + time;
        _urgentFree = Math.Max(_urgentFree, now) + time;
        return UntilAsync(_urgentFree, canBePutOff: false, isGivenUp);
    }

    /// <summary>When the bytes would be on their way if nothing urgent came between.</summary>
    public TransmitSlot Reserve(long bytes)
    {
        if (bytesPerSecond == 0) return default;
        _place.Writes();
        var start = Math.Max(_free, _clock.Now - _late);
        _late = 0;
        _free = start + _clock.TimeOf(bytes);
        return new TransmitSlot(start - _putOff, _free - _putOff);
    }

    /// <summary>Returns when the first of the bytes may go.</summary>
    public ValueTask<bool> BeganAsync(TransmitSlot slot, Func<bool> isGivenUp) => UntilAsync(slot.Start, canBePutOff: true, isGivenUp);

    /// <summary>Returns when the last of the bytes has gone.</summary>
    public async ValueTask<bool> LeftAsync(TransmitSlot slot, Func<bool> isGivenUp)
    {
        if (!await UntilAsync(slot.End, canBePutOff: true, isGivenUp)) return false;
        if (bytesPerSecond == 0) return true;
        _place.Writes();
        _late = _clock.LateSince(slot.End + _putOff);
        return true;
    }

    private async ValueTask<bool> UntilAsync(long time, bool canBePutOff, Func<bool> isGivenUp)
    {
        while (!isGivenUp())
        {
            var due = canBePutOff ? time + _putOff : time;
            if (bytesPerSecond == 0 || due <= _clock.Now) return true;
            await _clock.SleepAsync(due);
            _place.Reads();
        }

        return false;
    }
}

/// <summary>When bytes begin to leave and when they have left, in nanoseconds, before anything put them off.</summary>
internal readonly record struct TransmitSlot(long Start, long End);

/// <summary>Time as something of this bandwidth reckons with it: in nanoseconds, because bytes take that long, while the world has
/// microseconds.</summary>
internal readonly struct BandwidthClock(IWorld world, long bytesPerSecond)
{
    private const long PieceMicroseconds = 1_000_000;
    private const long LateMax = 20_000_000;
    private const long PerSecond = 1_000_000_000;
    private const long PerMicrosecond = 1_000;

    public long Now => world.NowMicroseconds * PerMicrosecond;

    public long TimeOf(long bytes) => (long)((Int128)bytes * PerSecond / bytesPerSecond);

    /// <summary>How much of the time since then a timer that came late is to blame for: no more than timers are late.</summary>
    public long LateSince(long end) => Math.Clamp(Now - end, 0, LateMax);

    /// <summary>Until then, or for a second of it: who waits may have been given up. Not at all if it was then since the caller
    /// looked.</summary>
    public ValueTask SleepAsync(long end) =>
        world.DelayAsync(Math.Clamp((end - Now + PerMicrosecond - 1) / PerMicrosecond, 0, PieceMicroseconds));
}
