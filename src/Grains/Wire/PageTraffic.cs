namespace Livebed.Grains.Wire;

/// <summary>
/// Bytes of page chunks that are in this silo's buffers for the wire: sent and not answered yet, or received and not stored yet. What the
/// kernel's socket buffers hold is among what is not answered. Safe from any thread.
/// </summary>
public sealed class PageTraffic
{
    private long _bytes;
    private long _peak;

    /// <summary>In flight now.</summary>
    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>The most there ever were.</summary>
    public long PeakBytes => Interlocked.Read(ref _peak);

    internal void Add(long bytes)
    {
        var now = Interlocked.Add(ref _bytes, bytes);
        for (var peak = PeakBytes; now > peak;)
        {
            var seen = Interlocked.CompareExchange(ref _peak, now, peak);
            if (seen == peak) return;
            peak = seen;
        }
    }

    internal void Remove(long bytes) => Interlocked.Add(ref _bytes, -bytes);
}
