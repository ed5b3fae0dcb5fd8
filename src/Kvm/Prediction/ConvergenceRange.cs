using System.Numerics;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Prediction;

/// <summary>
/// Where migrations as QEMU does them stop converging: the least bandwidth, and the least downtime limit, with which nine of ten starts
/// complete within the limits. Each is searched for by halves; a recording has bursts and lulls, so a little less may do by luck.
/// </summary>
public static class ConvergenceRange
{
    /// <summary>Halvings between what is too little and its double: to about five percent.</summary>
    private const int Halvings = 4;

    private const long BandwidthMin = 64 << 10;
    private const long DowntimeMinMicroseconds = 1_000;
    private const long DowntimeMaxMicroseconds = 3_600_000_000;

    /// <summary>Of one search, whatever the forecasts themselves were.</summary>
    private const long WorkMax = ForecastBudget.WorkMax / 4;

    /// <summary>Bytes a second: <c>max-bandwidth</c>, and a link that carries it.</summary>
    public static RangeEdge FindBandwidth(
        IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings, QemuSettings qemu)
    {
        var given = parameters.MaxBandwidth == 0 ? qemu.LinkBandwidth : Math.Min(parameters.MaxBandwidth, qemu.LinkBandwidth);
        return Find(given, BandwidthMin, ConvergenceLimits.BandwidthMax, settings, (bandwidth, bounded) => IsLikely(
            workload, parameters with { MaxBandwidth = bandwidth },
            bounded with { Qemu = qemu with { LinkBandwidth = Math.Max(qemu.LinkBandwidth, bandwidth) } }));
    }

    /// <summary>Microseconds.</summary>
    public static RangeEdge FindDowntime(IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings) => Find(
        Math.Max(parameters.DowntimeLimitMicroseconds, DowntimeMinMicroseconds), DowntimeMinMicroseconds, DowntimeMaxMicroseconds, settings,
        (limit, bounded) => IsLikely(workload, parameters with { DowntimeLimitMicroseconds = limit }, bounded));

    /// <summary>Whether nine of ten starts complete within the limits; it looks at no more starts than it must.</summary>
    public static bool IsLikely(IForecastWorkload workload, MigrationParameters parameters, ForecastSettings settings)
    {
        var starts = ForecastsByStart.StartsOf(workload);
        var failures = 0;
        if (settings.Qemu is { } qemu)
        {
            // The question is where it completes without being stopped.
            qemu = qemu with { TimeoutAction = ForecastTimeoutAction.Cancel, GivesUpAfterPasses = QemuSettings.PassesUntilHopeless };
            settings = settings with { Qemu = qemu };
        }

        foreach (var start in starts)
        {
            if (Forecaster.Run(workload, parameters, settings with { StartMicroseconds = start }).Completes) continue;
            if (!ForecastsByStart.IsLikely(++failures, starts.Count)) return false;
        }

        return true;
    }

    private static RangeEdge Find(long given, long min, long max, ForecastSettings settings, Func<long, ForecastSettings, bool> isEnough)
    {
        var bounded = settings with { Budget = new ForecastBudget(WorkMax) };
        try
        {
            var (low, high) = (given, given);
            if (isEnough(given, bounded))
                do
                {
                    high = low;
                    if (low <= min) return new RangeEdge(low, IsCut: false);
                    low = Math.Max(min, low / 2);
                }
                while (isEnough(low, bounded));
            else
                do
                {
                    low = high;
                    if (high >= max) return new RangeEdge(null, IsCut: false);
                    high = high > max / 2 ? max : 2 * high;
                }
                while (!isEnough(high, bounded));

            // In steps of a power of two, so that the answer is a figure that one would type.
            var step = Math.Max(1, (long)BitOperations.RoundUpToPowerOf2((ulong)(high - low)) >> Halvings);
            var (below, above) = (low / step, (high + step - 1) / step);
            while (above - below > 1)
            {
                var middle = below + (above - below) / 2;
                if (isEnough(middle * step, bounded)) above = middle;
                else below = middle;
            }

            return new RangeEdge(Math.Min(above * step, high), IsCut: false);
        }
        catch (ForecastBudgetException)
        {
            return new RangeEdge(null, IsCut: true);
        }
    }
}

/// <summary>The least with which nine of ten starts complete within the limits.</summary>
/// <param name="Value">null where nothing was found</param>
/// <param name="IsCut">the search was more work than it may be</param>
public readonly record struct RangeEdge(long? Value, bool IsCut);
