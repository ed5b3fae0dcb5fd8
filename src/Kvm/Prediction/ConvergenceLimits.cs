using System.Numerics;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// What would have to be otherwise for a migration to complete in pre-copy. Both answers are exact about the model, and as good as the
/// model: the bandwidth was forecast to do; the downtime limit is the least that one of the rounds would have needed.
/// </summary>
public static class ConvergenceLimits
{
    /// <summary>1 TiB/s: no link is faster.</summary>
    public const long BandwidthMax = 1L << 40;

    /// <summary>Halvings between a bandwidth that is too little and its double: to about one percent.</summary>
    private const int Halvings = 7;

    /// <summary>
    /// The least bandwidth above the given one with which it converges, to about one percent; null if none up to <see cref="BandwidthMax"/>
    /// does. A recording has bursts and lulls, so a little less may do by luck, and now and then a little more may not.
    /// </summary>
    public static long? FindBandwidth(IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings)
    {
        var (low, high) = (parameters.MaxBandwidth, parameters.MaxBandwidth);
        do
        {
            if (high >= BandwidthMax) return null;
            low = high;
            high = Math.Min(2 * high, BandwidthMax);
        }
        while (!Converges(high));

        // In steps of a power of two, so that the answer is a figure that one would type.
        var step = Math.Max(1, (long)BitOperations.RoundUpToPowerOf2((ulong)(high - low)) >> Halvings);
        var (below, above) = (low / step, (high + step - 1) / step);
        while (above - below > 1)
        {
            var middle = below + (above - below) / 2;
            if (Converges(middle * step)) above = middle;
            else below = middle;
        }

        return above * step;

        bool Converges(long bandwidth) =>
            Forecaster.Run(workload, parameters with { MaxBandwidth = bandwidth, PostcopyAfterRounds = 0 }, settings)
                .Verdict == ForecastVerdict.Converges;
    }

    /// <summary>The least downtime limit with which this migration would have stopped after one of its rounds and kept the limit, in whole
    /// milliseconds, the fixed cost of a switchover included. Null for a migration that ended before its first round.</summary>
    public static long? FindDowntimeMilliseconds(MigrationForecast forecast, MigrationParameters parameters, ForecastSettings settings)
    {
        var hasCosts = settings.Sender != SenderCosts.None;
        var linkAtStop = settings.Sender.OnTheLink(parameters.MaxBandwidth, settings.PageSize, isFirst: false);
        var (now, stops) = (settings.Sender.SetupMicroseconds / 1e3, new List<(double Pages, double Whole)>());
        foreach (var round in forecast.Rounds)
        {
            now += round.Microseconds / 1e3;
            // A sender with costs measures less than the link carries. Its rounds are whole microseconds here.
            var pages = round.RemainingBytes * 1e3 / (hasCosts ? round.Bandwidth * 0.9999 : parameters.MaxBandwidth);
            var whole = round.RemainingBytes * 1e3 / linkAtStop + forecast.SwitchoverCostMilliseconds;
            if (parameters.TimeLimitMicroseconds == 0 || now + whole <= parameters.TimeLimitMicroseconds / 1e3) stops.Add((pages, whole));
        }

        if (stops.Count == 0) return null;
        var limit = stops.Min(stop => Math.Max(stop.Pages, stop.Whole));
        // The limit does not know the cost: a higher one stops earlier, with more left.
        while (stops.First(stop => stop.Pages <= limit).Whole is var whole && whole > limit) limit = whole;
        return (long)Math.Ceiling(limit);
    }
}
