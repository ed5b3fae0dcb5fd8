using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Limits the rate of one stream's chunks to the stream's share of the link, and while the guest runs to the migration's own bandwidth. A
/// chunk enters the link when its own limit lets it begin, and leaves when both limits allow it. So the two times do not add up, and a slow
/// stream does not fill the link in advance. Pages that a vCPU waits for pass both limits first (QEMU's <c>migration_rate_limit</c> gives
/// way to them, and postcopy-preempt has a channel for them).
/// </summary>
internal sealed class StreamShaper
{
    private readonly StreamRateLimiter _rounds;
    private readonly StreamRateLimiter _push;
    private readonly LinkScheduler? _link;
    private readonly LinkShare? _share;

    /// <param name="world">the world; its clock is used</param>
    /// <param name="bandwidth">the migration's own bounds</param>
    /// <param name="link">null for one without a limit</param>
    /// <param name="mutant">the defect to have, or none</param>
    public StreamShaper(IWorld world, StreamBandwidth bandwidth, LinkScheduler? link, Mutant? mutant = null)
    {
        _rounds = new StreamRateLimiter(world, bandwidth.Max, mutant);
        _push = bandwidth.MaxPostcopy > 0 ? new StreamRateLimiter(world, bandwidth.MaxPostcopy, mutant) : _rounds;
        if (link is not null) (_link, _share) = (link, new LinkShare(world));
    }

    /// <summary>Returns when the bytes have left. False when <paramref name="isGivenUp"/> is true, within a second, or at once after
    /// <see cref="Leave"/>.</summary>
    public ValueTask<bool> PassAsync(Operation op, in ChunkHeader header, long bytes, Func<bool> isGivenUp)
    {
        if (header.Channel == ChunkHeader.UrgentChannel) return PassUrgentAsync(bytes, isGivenUp);
        // A guest that stands still does not wait for a courtesy to others: QEMU's migration_completion lifts max-bandwidth.
        if (header.Phase == StreamPhase.Switchover)
            return _share is null ? ValueTask.FromResult(!isGivenUp()) : _link!.PassAsync(op, _share, bytes, isGivenUp);
        var own = header.Phase == StreamPhase.Postcopy ? _push : _rounds;
        return _share is null ? own.PassAsync(bytes, isGivenUp) : PassBothAsync(op, own, _link!, _share, bytes, isGivenUp);
    }

    /// <summary>See <see cref="SendResult.LinkWaitMicroseconds"/>.</summary>
    public long TakeLinkWaitMicroseconds() => _share?.TakeWaitedMicroseconds() ?? 0;

    /// <summary>Nothing is sent any more; the other streams get this share of the link.</summary>
    public void Leave()
    {
        if (_share is not null) _link!.Leave(_share);
    }

    private static async ValueTask<bool> PassBothAsync(
        Operation op, StreamRateLimiter own, LinkScheduler link, LinkShare share, long bytes, Func<bool> isGivenUp)
    {
        var slot = own.Reserve(bytes);
        return await own.WaitForStartAsync(slot, isGivenUp) && await link.PassAsync(op, share, bytes, isGivenUp)
            && await own.WaitForEndAsync(slot, isGivenUp);
    }

    private async ValueTask<bool> PassUrgentAsync(long bytes, Func<bool> isGivenUp) =>
        await _rounds.PassUrgentAsync(bytes, isGivenUp) && (_share is null || await _link!.PassUrgentAsync(_share, bytes, isGivenUp));
}

/// <summary>
/// A stream's own bandwidth as a parameter of the model, so that a migration does not depend on the speed of the machine. Bytes take their
/// time one after the other, over all channels, and a sender waits until the last of its bytes has left. Keeps: over any time in which the
/// stream always has bytes to send, bytes over time is the bandwidth. The next send compensates for a late timer; an idle stream saves
/// nothing up. Urgent bytes go at once and delay all others by their time. <see cref="LinkScheduler"/> models what other streams take of
/// the link. Simplified: no latency, no protocol overhead.
/// </summary>
internal sealed class StreamRateLimiter(IWorld world, long bytesPerSecond, Mutant? mutant = null)
{
    private readonly BandwidthClock _clock = new(world, bytesPerSecond);
    private Tracked<State> _state = new(world);

    /// <summary>Returns when the bytes have left. False when <paramref name="isGivenUp"/> is true, within a second.</summary>
    public ValueTask<bool> PassAsync(long bytes, Func<bool> isGivenUp) => WaitForEndAsync(Reserve(bytes), isGivenUp);

    /// <summary>The same, ahead of all that is not urgent.</summary>
    public ValueTask<bool> PassUrgentAsync(long bytes, Func<bool> isGivenUp)
    {
        if (bytesPerSecond == 0) return ValueTask.FromResult(!isGivenUp());
        var (now, time) = (_clock.Now, _clock.TimeOf(bytes));
        ref var state = ref _state.Changing;
        if (state.Free > now && mutant != Mutant.UrgentBytesTakeNoTime) state.PutOff += time;
        state.Free = Math.Max(state.Free, now) + time;
        state.UrgentFree = Math.Max(state.UrgentFree, now) + time;
        return UntilAsync(state.UrgentFree, canBePutOff: false, isGivenUp);
    }

    /// <summary>The time slot of the bytes, if no urgent bytes come between.</summary>
    public TransmitSlot Reserve(long bytes)
    {
        if (bytesPerSecond == 0) return default;
        ref var state = ref _state.Changing;
        var start = Math.Max(state.Free, _clock.Now - state.Late);
        state.Late = 0;
        state.Free = start + _clock.TimeOf(bytes);
        return new TransmitSlot(start - state.PutOff, state.Free - state.PutOff);
    }

    /// <summary>Returns when the first of the bytes may go.</summary>
    public ValueTask<bool> WaitForStartAsync(TransmitSlot slot, Func<bool> isGivenUp) =>
        UntilAsync(slot.Start, canBePutOff: true, isGivenUp);

    /// <summary>Returns when the last of the bytes has gone.</summary>
    public async ValueTask<bool> WaitForEndAsync(TransmitSlot slot, Func<bool> isGivenUp)
    {
        if (!await UntilAsync(slot.End, canBePutOff: true, isGivenUp)) return false;
        if (bytesPerSecond == 0) return true;
        _state.Changing.Late = _clock.LateSince(slot.End + _state.Value.PutOff);
        return true;
    }

    private async ValueTask<bool> UntilAsync(long time, bool canBePutOff, Func<bool> isGivenUp)
    {
        while (!isGivenUp())
        {
            var due = canBePutOff ? time + _state.Value.PutOff : time;
            if (bytesPerSecond == 0 || due <= _clock.Now) return true;
            await _clock.SleepAsync(due);
        }

        return false;
    }

    private struct State
    {
        public long Free;
        public long Late;
        public long UrgentFree;
        public long PutOff;
    }
}

/// <summary>When bytes begin to leave and when they have left, in nanoseconds, before any delay by urgent bytes.</summary>
internal readonly record struct TransmitSlot(long Start, long End);

/// <summary>The time that bytes take at this bandwidth, in nanoseconds; the world's clock has microseconds.</summary>
internal readonly struct BandwidthClock(IWorld world, long bytesPerSecond)
{
    private const long PieceMicroseconds = 1_000_000;
    private const long LateMax = 20_000_000;
    private const long PerSecond = 1_000_000_000;
    private const long PerMicrosecond = 1_000;

    public long Now => world.NowMicroseconds * PerMicrosecond;

    public long TimeOf(long bytes) => (long)((Int128)bytes * PerSecond / bytesPerSecond);

    /// <summary>The part of the time since then that a late timer explains, bounded by how late timers are.</summary>
    public long LateSince(long end) => Math.Clamp(Now - end, 0, LateMax);

    /// <summary>Sleeps until then, but at most a second, because the waiter may be given up meanwhile. Returns at once if the time has
    /// passed.</summary>
    public ValueTask SleepAsync(long end) =>
        world.DelayAsync(Math.Clamp((end - Now + PerMicrosecond - 1) / PerMicrosecond, 0, PieceMicroseconds));
}
