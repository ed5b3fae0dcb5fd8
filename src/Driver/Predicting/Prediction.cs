using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>Everything that `predict` says of one workload.</summary>
internal sealed record Prediction
{
    public required MigrationForecast Forecast { get; init; }

    /// <summary>What other ways of migrating would be: name and forecast.</summary>
    public required IReadOnlyList<(string Strategy, MigrationForecast Forecast)> Strategies { get; init; }

    /// <summary>Null for QEMU's loop, which has no closed form.</summary>
    public AnalyticEstimate? Analytic { get; init; }

    /// <summary>Of the start that was asked for; of QEMU's loop without one, that of nine of ten starts.</summary>
    public required ForecastVerdict Verdict { get; init; }

    /// <summary>Null for our own sender.</summary>
    public QemuAnswers? Qemu { get; init; }

    /// <summary>The same from other starts in the recording; null for a constant rate, which is alike everywhere.</summary>
    public ForecastsByStart? Starts { get; init; }

    /// <summary>Bandwidth with which pre-copy would complete; null when it does, or when none would do.</summary>
    public long? NeededBandwidth { get; init; }

    /// <summary>Downtime limit with which it would; null when it does, or when time was over before.</summary>
    public long? NeededDowntimeMilliseconds { get; init; }

    public bool Completes => Verdict is ForecastVerdict.Converges or ForecastVerdict.Postcopy;

    public static Prediction Of(PredictRequest request) => request.Settings.Qemu is null ? OfLivebed(request) : OfQemu(request);

    private static Prediction OfQemu(PredictRequest request)
    {
        var (workload, parameters, settings) = (request.Workload, request.Parameters, request.Settings);
        var forecast = Forecaster.Run(workload, parameters, settings);
        var starts = ForecastsByStart.Of(workload, parameters, settings);
        return new Prediction
        {
            Forecast = forecast,
            Verdict = request.IsFromAStart ? forecast.Verdict : starts.Verdict,
            Strategies = StrategiesOf(request),
            Starts = starts,
            Qemu = QemuAnswers.Of(request, starts),
        };
    }

    private static List<(string Strategy, MigrationForecast Forecast)> StrategiesOf(PredictRequest request)
    {
        var plain = request.Parameters with { Throttle = ThrottleKind.None, PostcopyAfterRounds = 0 };
        List<(string Strategy, MigrationParameters Parameters)> strategies =
        [
            ("plain", plain),
            ("auto-converge", plain with { Throttle = ThrottleKind.AutoConverge }),
            ("dirty-limit", plain with { Throttle = ThrottleKind.DirtyLimit }),
            ("post-copy", plain with { PostcopyAfterRounds = Math.Max(1, request.Parameters.PostcopyAfterRounds) }),
        ];
        if (request.Settings.Qemu is { Version.HasDirtyLimit: false })
            strategies.RemoveAll(one => one.Parameters.Throttle == ThrottleKind.DirtyLimit);
        return [.. strategies.Select(one => (one.Strategy, Forecaster.Run(request.Workload, one.Parameters, request.Settings)))];
    }

    private static Prediction OfLivebed(PredictRequest request)
    {
        var (workload, parameters, settings) = (request.Workload, request.Parameters, request.Settings);
        var forecast = Forecaster.Run(workload, parameters, settings);
        var isConverging = forecast.Verdict == ForecastVerdict.Converges;
        var precopy = isConverging || parameters.PostcopyAfterRounds == 0
            ? forecast
            : Forecaster.Run(workload, parameters with { PostcopyAfterRounds = 0 }, settings);
        return new Prediction
        {
            Forecast = forecast,
            Verdict = forecast.Verdict,
            Strategies = StrategiesOf(request),
            Analytic = request.Timeline is { } timeline
                ? AnalyticEstimate.Of(timeline, parameters, settings)
                : AnalyticEstimate.Of(request.Guest.Writes!.Value, request.Guest.Writes.Value.PagesPerSecond, parameters, settings),
            Starts = request.Timeline is { } recording ? ForecastsByStart.Of(recording, parameters, settings) : null,
            NeededBandwidth = isConverging ? null : ConvergenceLimits.FindBandwidth(workload, parameters, settings),
            NeededDowntimeMilliseconds = precopy.Verdict == ForecastVerdict.Converges
                ? null
                : ConvergenceLimits.FindDowntimeMilliseconds(precopy, parameters, settings),
        };
    }
}
