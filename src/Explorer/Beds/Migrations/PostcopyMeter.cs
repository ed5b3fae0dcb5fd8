namespace Livebed.Explorer.Beds.Migrations;

/// <summary>
/// How far post-copy is ahead of its bandwidth. All bytes that have left share it, the pages that vCPUs wait for too: they put the others
/// off, and take no bandwidth of their own. Nothing of post-copy leaves before the VM is offered, so that is where the time begins.
/// </summary>
internal struct PostcopyMeter
{
    private const long PerSecond = 1_000_000;

    private long _since;
    private long _bytes;

    /// <summary>0 for no bound.</summary>
    public long BytesPerSecond { get; set; }

    /// <summary>By how many microseconds bytes have left too early, at most.</summary>
    public long AheadMicroseconds { get; private set; }

    public void Begin(long now) => (_since, _bytes) = (now, 0);

    public void Left(long bytes, long now)
    {
        _bytes += bytes;
        if (BytesPerSecond > 0) AheadMicroseconds = Math.Max(AheadMicroseconds, _bytes * PerSecond / BytesPerSecond - (now - _since));
    }
}
