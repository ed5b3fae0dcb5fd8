using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>What operators ask beside the forecast: where it stops converging, how many at once, what a watcher would abort.</summary>
internal sealed record QemuAnswers
{
    /// <summary>Least bandwidth with which nine of ten starts complete, in bytes a second.</summary>
    public required RangeEdge Bandwidth { get; init; }

    /// <summary>Least downtime limit with which they do, in microseconds; null where they do with the one that was given.</summary>
    public required RangeEdge? Downtime { get; init; }

    /// <summary>Median downtime with twice the link and twice the cap, in milliseconds; null where none completes.</summary>
    public required double? DowntimeOfTwiceTheLink { get; init; }

    /// <summary>Empty for one migration.</summary>
    public required IReadOnlyList<SharedLink> Shared { get; init; }

    /// <summary>Starts that complete within the limits and that the rule would abort; null without a rule.</summary>
    public required int? AbortedByNoProgress { get; init; }

    /// <summary>The most migrations at once with which nine of ten starts complete; null where one is too many.</summary>
    public int? MostAtOnce => Shared.Where(shared => shared.IsLikely).Select(shared => (int?)shared.AtOnce).Max();

    public static QemuAnswers Of(PredictRequest request, ForecastsByStart starts)
    {
        var (workload, parameters, settings, qemu) = (request.Workload, request.Parameters, request.Settings, request.Settings.Qemu!);
        var failures = starts.Forecasts.Count(forecast => !forecast.Completes);
        var isLikely = ForecastsByStart.IsLikely(failures, starts.Forecasts.Count);
        var twice = qemu with { LinkBandwidth = 2 * qemu.LinkBandwidth, SwitchoverBandwidth = 2 * qemu.SwitchoverBandwidth };
        var withTwice = ForecastsByStart.Of(
            workload, parameters with { MaxBandwidth = 2 * parameters.MaxBandwidth }, settings with { Qemu = twice });
        return new QemuAnswers
        {
            Bandwidth = ConvergenceRange.FindBandwidth(workload, parameters, settings, qemu),
            Downtime = isLikely ? null : ConvergenceRange.FindDowntime(workload, parameters, settings),
            DowntimeOfTwiceTheLink = withTwice.Downtime?.Median,
            Shared = request.Questions!.Parallel == 1
                ? []
                : SharedLink.Of(workload, parameters, settings, qemu, request.Questions.Parallel),
            AbortedByNoProgress = request.Questions.NoProgressMicroseconds is { } rule
                ? starts.Forecasts.Count(forecast => forecast.Completes && forecast.LongestWithoutProgressMilliseconds * 1e3 > rule)
                : null,
        };
    }
}

/// <summary>What a guest stands still for when it is stopped whatever is left; milliseconds.</summary>
/// <param name="AtLimit">at the limit that ends it; null for one that is not given up</param>
/// <param name="Best">at the sync that left least</param>
/// <param name="BestAt">when that is, from the beginning</param>
/// <param name="Worst">at the sync that left most</param>
internal sealed record ForcedStop(double? AtLimit, double Best, double BestAt, double Worst)
{
    /// <returns>null of a migration without a sync</returns>
    public static ForcedStop? Of(MigrationForecast forecast)
    {
        if (forecast.Rounds.Count == 0) return null;
        var (now, bestAt) = (0.0, 0.0);
        var (best, worst) = (double.PositiveInfinity, 0.0);
        foreach (var round in forecast.Rounds)
        {
            now += round.Microseconds / 1e3;
            var stop = round.ExpectedDowntimeMicroseconds / 1e3;
            if (stop < best) (best, bestAt) = (stop, now);
            worst = Math.Max(worst, stop);
        }

        return new ForcedStop(forecast.StopAtLimitMilliseconds, best, Math.Round(bestAt, 3), worst);
    }
}
