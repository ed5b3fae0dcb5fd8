using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>Everything that `predict` says of one workload.</summary>
internal sealed record Prediction
{
    public required MigrationForecast Forecast { get; init; }

    /// <summary>What other ways of migrating would be: name and forecast.</summary>
    public required IReadOnlyList<(string Strategy, MigrationForecast Forecast)> Strategies { get; init; }

    public required AnalyticEstimate Analytic { get; init; }

    /// <summary>The same from other starts in the recording; null for a constant rate, which is alike everywhere.</summary>
    public ForecastsByStart? Starts { get; init; }

    /// <summary>Bandwidth with which pre-copy would complete; null when it does, or when none would do.</summary>
    public long? NeededBandwidth { get; init; }

    /// <summary>Downtime limit with which it would; null when it does, or when time was over before.</summary>
    public long? NeededDowntimeMilliseconds { get; init; }

    public static Prediction Of(PredictRequest request)
    {
        var (workload, parameters, settings) = (request.Workload, request.Parameters, request.Settings);
        var forecast = Forecaster.Run(workload, parameters, settings);
        var plain = parameters with { Throttle = ThrottleKind.None, PostcopyAfterRounds = 0 };
        var isConverging = forecast.Verdict == ForecastVerdict.Converges;
        var precopy = isConverging || parameters.PostcopyAfterRounds == 0
            ? forecast
            : Forecaster.Run(workload, parameters with { PostcopyAfterRounds = 0 }, settings);
        return new Prediction
        {
            Forecast = forecast,
            Strategies =
            [
                ("plain", Forecaster.Run(workload, plain, settings)),
                ("auto-converge", Forecaster.Run(workload, plain with { Throttle = ThrottleKind.AutoConverge }, settings)),
                ("dirty-limit", Forecaster.Run(workload, plain with { Throttle = ThrottleKind.DirtyLimit }, settings)),
                ("post-copy",
                    Forecaster.Run(workload, plain with { PostcopyAfterRounds = Math.Max(1, parameters.PostcopyAfterRounds) }, settings)),
            ],
            Analytic = request.Timeline is { } timeline
                ? AnalyticEstimate.Of(timeline, parameters, settings)
                : AnalyticEstimate.Of(request.Writes!.Value, request.Writes.Value.PagesPerSecond, parameters, settings),
            Starts = request.Timeline is { } recording ? ForecastsByStart.Of(recording, parameters, settings) : null,
            NeededBandwidth = isConverging ? null : ConvergenceLimits.FindBandwidth(workload, parameters, settings),
            NeededDowntimeMilliseconds = precopy.Verdict == ForecastVerdict.Converges
                ? null
                : ConvergenceLimits.FindDowntimeMilliseconds(precopy, parameters),
        };
    }
}
