using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Driver.Results;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>What `predict --json` prints; docs/migration.md explains each field. A field without a value is null, never absent.</summary>
internal static class PredictJson
{
    public static string Write(PredictRequest request, Prediction prediction) => JsonSerializer.Serialize(
        new
        {
            verdict = prediction.Verdict,
            explanation = ForecastText.Explain(prediction.Forecast, request.Parameters.DowntimeLimitMicroseconds),
            workload = WorkloadOf(request),
            parameters = ParametersOf(request),
            forecast = ForecastResult.From(prediction.Forecast),
            needed = new { bandwidth = prediction.NeededBandwidth, downtimeLimitMilliseconds = prediction.NeededDowntimeMilliseconds },
            strategies = prediction.Strategies.Select(one => StrategyOf(one.Strategy, one.Forecast)),
            starts = prediction.Starts is { } starts ? StartsOf(starts) : null,
            analytic = prediction.Analytic is { } analytic ? AnalyticOf(request, analytic) : null,
            qemu = prediction is { Qemu: { } answers, Starts: { } all } ? QemuOf(request, prediction.Forecast, answers, all) : null,
        },
        ExploreJson.Options) + "\n";

    private static object WorkloadOf(PredictRequest request) => new
    {
        name = request.Timeline?.Header.Name,
        source = request.Timeline?.Header.Source,
        backend = request.Timeline?.Header.Backend,
        memory = request.Timeline?.Header.Memory,
        startedAt = request.Timeline?.Header.StartedAt,
        dirtyBytesPerSecond = request.Guest.Writes is { } writes ? Bytes(writes.PagesPerSecond, request.Settings) : null,
        workingSetBytes = request.Guest.Writes is { } hot ? Bytes(hot.HotPages, request.Settings) : null,
    };

    private static object ParametersOf(PredictRequest request) => new
    {
        bandwidth = request.Parameters.MaxBandwidth,
        downtimeLimitMilliseconds = request.Parameters.DowntimeLimitMicroseconds / 1e3,
        timeLimitMilliseconds = request.Parameters.TimeLimitMicroseconds / 1e3,
        request.Parameters.RoundsMax,
        request.Parameters.Channels,
        request.Parameters.BatchPages,
        request.Parameters.Throttle,
        request.Parameters.VcpuDirtyLimit,
        request.Parameters.PostcopyAfterRounds,
        request.Settings.Clear,
        request.Settings.PageSize,
        request.Settings.MemoryPages,
        request.Settings.ZeroShare,
        switchoverCostMilliseconds = request.Settings.SwitchoverCostMicroseconds / 1e3,
        senderCosts = request.Settings.Qemu is null
            ? new
            {
                setupMilliseconds = request.Settings.Sender.SetupMicroseconds / 1e3,
                request.Settings.Sender.FirstPageMicroseconds,
                request.Settings.Sender.PageMicroseconds,
                roundMilliseconds = request.Settings.Sender.RoundMicroseconds / 1e3,
            }
            : null,
        request.Settings.Vcpus,
        request.Settings.Speed,
        startMilliseconds = request.Settings.StartMicroseconds / 1e3,
    };

    private static object QemuOf(PredictRequest request, MigrationForecast forecast, QemuAnswers answers, ForecastsByStart starts)
    {
        var qemu = request.Settings.Qemu!;
        return new
        {
            version = qemu.Version.ToString(),
            qemu.LinkBandwidth,
            switchoverBandwidth = qemu.StopBytesPerSecond,
            qemu.AvailSwitchoverBandwidth,
            qemu.TimeoutAction,
            qemu.ClearChunkPages,
            zeroPages = request.Workload.ZeroPages(request.Settings, qemu.IsZeroFromTrace).Count,
            completesFromBandwidth = answers.Bandwidth.Value,
            completesFromDowntimeMilliseconds = answers.Downtime is { Value: { } downtime } ? downtime / 1e3 : (double?)null,
            downtimeOfTwiceTheLinkMilliseconds = answers.DowntimeOfTwiceTheLink,
            forcedStop = ForcedStop.Of(forecast) is { } stop
                ? new
                {
                    atLimitMilliseconds = stop.AtLimit,
                    bestMilliseconds = stop.Best,
                    bestAfterMilliseconds = stop.BestAt,
                    worstMilliseconds = stop.Worst,
                }
                : null,
            noProgressMilliseconds = request.Questions!.NoProgressMicroseconds / 1e3,
            noProgressAborts = answers.AbortedByNoProgress,
            completingStarts = starts.Forecasts.Count(one => one.Completes),
            mostAtOnce = answers.MostAtOnce,
            parallel = answers.Shared.Select(shared => new
            {
                shared.AtOnce,
                shared.LinkShare,
                completes = shared.ByStart.Forecasts.Count(one => one.Completes),
                totalTimeMilliseconds = shared.ByStart.TotalTime,
                downtimeMilliseconds = shared.ByStart.Downtime,
                allMilliseconds = shared.AllMilliseconds(request.Questions.Parallel),
            }),
        };
    }

    private static object StrategyOf(string strategy, MigrationForecast forecast) => new
    {
        strategy,
        forecast.Verdict,
        rounds = forecast.Rounds.Count,
        forecast.Transferred,
        totalTimeMilliseconds = forecast.TotalTimeMilliseconds,
        downtimeMilliseconds = forecast.DowntimeMilliseconds,
        forecast.ThrottledMilliseconds,
        blocktimeMilliseconds = forecast.Postcopy?.BlocktimeMilliseconds,
    };

    private static object StartsOf(ForecastsByStart starts) => new
    {
        count = starts.Forecasts.Count,
        converges = starts.CountOf(ForecastVerdict.Converges),
        postcopy = starts.CountOf(ForecastVerdict.Postcopy),
        diverging = starts.CountOf(ForecastVerdict.Diverging),
        outOfTime = starts.CountOf(ForecastVerdict.OutOfTime),
        overLimit = starts.CountOf(ForecastVerdict.OverLimit),
        starts.Rounds,
        totalTimeMilliseconds = starts.TotalTime,
        downtimeMilliseconds = starts.Downtime,
    };

    private static object AnalyticOf(PredictRequest request, AnalyticEstimate analytic) => new
    {
        dirtyBytesPerSecond = Math.Round(analytic.Geometric.DirtyBytesPerSecond),
        ratio = Math.Round(analytic.Geometric.Ratio, 4),
        geometric = new
        {
            analytic.Geometric.Rounds,
            totalTimeMilliseconds = Milliseconds(analytic.Geometric.TotalSeconds),
            downtimeMilliseconds = Milliseconds(analytic.Geometric.Downtime),
        },
        hotSet = new
        {
            bytes = Bytes(analytic.Writes.HotPages, request.Settings),
            verdict = analytic.WithHotSet.Verdict,
            rounds = analytic.WithHotSet.Rounds.Count,
            totalTimeMilliseconds = analytic.WithHotSet.TotalTimeMilliseconds,
            downtimeMilliseconds = analytic.WithHotSet.DowntimeMilliseconds,
        },
    };

    private static double? Milliseconds(double? seconds) => seconds is { } known ? Math.Round(known * 1e3, 3) : null;

    private static double? Bytes(double pages, ForecastSettings settings) =>
        double.IsInfinity(pages) ? null : Math.Round(pages * settings.PageSize);
}
