using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// The bandwidth of a link as a parameter of the model, so that what a migration does with it does not depend on the machine: bytes occupy the link
/// one after the other, over all channels, and whoever sends them waits until the last of its own has left. Keeps: over any time in which
/// somebody always has something to send, bytes over time is the bandwidth; timers that come late are made good by the next send, and a
/// link that was idle has saved nothing up. Simplified: no latency, no protocol overhead, no sharing with other streams.
/// </summary>
internal sealed class LinkShaper(IWorld world, long bytesPerSecond)
{
    private const long PieceMicroseconds = 1_000_000;
    private const long LateNanosecondsMax = 20_000_000;
    private const long NanosecondsPerSecond = 1_000_000_000;
    private const long NanosecondsPerMicrosecond = 1_000;

    private readonly Place _place = new(world);
    private long _freeNanoseconds;
    private long _lateNanoseconds;

    private long NowNanoseconds => world.NowMicroseconds * NanosecondsPerMicrosecond;

    /// <summary>Returns when the bytes have left, or, false, when <paramref name="isGivenUp"/> says so after at most a second more.</summary>
    public async ValueTask<bool> PassAsync(long bytes, Func<bool> isGivenUp)
    {
        if (bytesPerSecond == 0) return !isGivenUp();
        var end = Reserve(bytes);
        while (!isGivenUp())
        {
            var left = (end - NowNanoseconds + NanosecondsPerMicrosecond - 1) / NanosecondsPerMicrosecond;
            if (left <= 0)
            {
                _place.Writes();
                _lateNanoseconds = Math.Min(NowNanoseconds - end, LateNanosecondsMax);
                return true;
            }

            await world.DelayAsync(Math.Min(left, PieceMicroseconds));
        }

        return false;
    }

    private long Reserve(long bytes)
    {
        _place.Writes();
        var start = Math.Max(_freeNanoseconds, NowNanoseconds - _lateNanoseconds);
        _lateNanoseconds = 0;
        return _freeNanoseconds = start + (long)((Int128)bytes * NanosecondsPerSecond / bytesPerSecond);
    }
}
