using HdrHistogram;

namespace Livebed.Explorer.Pricing.Beds;

/// <summary>How long something took, each time, in nanoseconds; and, measured apart from that, how many were under way.</summary>
/// <param name="figure">the name of its mean among <see cref="Scenarios.PricedResult.Figures"/></param>
public sealed class LatencyRecord(string figure)
{
    private const long Most = 100_000_000_000;

    private readonly LongHistogram _histogram = new(Most, 3);
    private readonly TimeIntegral _underWay = new();

    public string Figure { get; } = figure;

    public long Count { get; private set; }
    public long Total { get; private set; }
    public long Max { get; private set; }
    public double Mean => Count == 0 ? 0 : (double)Total / Count;

    /// <summary>One begins, or goes on after it was interrupted.</summary>
    /// <returns>the time that is given</returns>
    public long Enter(long now)
    {
        _underWay.Change(1, now);
        return now;
    }

    /// <summary>One ends, or is interrupted.</summary>
    public void Leave(long now) => _underWay.Change(-1, now);

    /// <summary>The mean number under way from 0 to <paramref name="now"/>.</summary>
    public double UnderWayAt(long now) => _underWay.MeanAt(now);

    /// <summary>One took so long, without the time in which it was interrupted.</summary>
    public void Add(long nanoseconds)
    {
        Count++;
        Total += nanoseconds;
        Max = Math.Max(Max, nanoseconds);
        _histogram.RecordValue(Math.Clamp(nanoseconds, 0, Most));
    }

    /// <summary>Within a thousandth; 0 of nothing.</summary>
    public long Percentile(double percent) => Count == 0 ? 0 : Math.Min(Max, _histogram.GetValueAtPercentile(percent));
}

/// <summary>A number that changes, added up over time.</summary>
public sealed class TimeIntegral
{
    private long _value;
    private long _since;
    private Int128 _sum;

    public void Change(long by, long now)
    {
        _sum += (Int128)_value * (now - _since);
        (_value, _since) = (_value + by, now);
    }

    /// <summary>The mean from 0 to <paramref name="now"/>.</summary>
    public double MeanAt(long now) => now == 0 ? 0 : (double)(_sum + (Int128)_value * (now - _since)) / now;
}
