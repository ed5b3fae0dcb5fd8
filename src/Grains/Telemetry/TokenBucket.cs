namespace Livebed.Grains.Telemetry;

/// <summary>
/// Lets <paramref name="perSecond"/> events a second through, with bursts of as many after a quiet second. On its own clock instead of
/// a timer, which is why it is not System.Threading.RateLimiting's: a silo that promotes nothing does nothing. Safe from any thread.
/// </summary>
public sealed class TokenBucket(int perSecond, TimeProvider time)
{
    private readonly Lock _lock = new();
    private double _tokens = perSecond;
    private long _refilled = time.GetTimestamp();

    public bool TryTake()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            _tokens = Math.Min(perSecond, _tokens + time.GetElapsedTime(_refilled, now).TotalSeconds * perSecond);
            _refilled = now;
            if (_tokens < 1) return false;
            _tokens--;
            return true;
        }
    }
}
