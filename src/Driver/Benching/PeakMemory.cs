namespace Livebed.Driver.Benching;

/// <summary>The most memory that this process has had resident since it was made, as often as the timer looks: what every silo of an embedded cluster has, and the driver.</summary>
internal sealed class PeakMemory : IDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(5);

    private readonly Timer _timer;
    private long _peak = Environment.WorkingSet;

    public PeakMemory() => _timer = new Timer(_ => Look(), null, _interval, _interval);

    public long Bytes
    {
        get
        {
            Look();
            return Volatile.Read(ref _peak);
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Look()
    {
        var now = Environment.WorkingSet;
        for (var peak = Volatile.Read(ref _peak); now > peak;)
        {
            var seen = Interlocked.CompareExchange(ref _peak, now, peak);
            if (seen == peak) return;
            peak = seen;
        }
    }
}
