using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Limits the rate of one stream's chunks to the migration's own bandwidth and to the stream's share of the link. A chunk enters the link
/// when its own limit lets it begin, and leaves when both limits allow it. So the two times do not add up, and a slow stream does not fill
/// the link in advance. Pages that a vCPU waits for pass both limits first (QEMU's <c>migration_rate_limit</c> gives way to them, and
/// postcopy-preempt has a channel for them).
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
    public StreamShaper(IWorld world, StreamBandwidth bandwidth, LinkScheduler? link)
    {
        _rounds = new StreamRateLimiter(world, bandwidth.Max);
        _push = bandwidth.MaxPostcopy > 0 ? new StreamRateLimiter(world, bandwidth.MaxPostcopy) : _rounds;
        if (link is not null) (_link, _share) = (link, new LinkShare(world));
    }

    /// <summary>Returns when the bytes have left. False when <paramref name="isGivenUp"/> is true, within a second, or at once after
    /// <see cref="Leave"/>.</summary>
    public ValueTask<bool> PassAsync(Operation op, in ChunkHeader header, long bytes, Func<bool> isGivenUp)
    {
        if (header.Channel == ChunkHeader.UrgentChannel) return PassUrgentAsync(bytes, isGivenUp);
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
