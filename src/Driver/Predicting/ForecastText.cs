using System.Globalization;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>A forecast in words.</summary>
internal static class ForecastText
{
    /// <summary>One sentence, without the full stop.</summary>
    public static string Explain(MigrationForecast forecast) => forecast.Verdict switch
    {
        ForecastVerdict.Converges =>
            $"after {Rounds(forecast.Rounds.Count)} {Figures.Bytes(forecast.Rounds[^1].RemainingBytes)} are left, "
                + $"a downtime of {Time(forecast.DowntimeMilliseconds!.Value)}{Throttled(forecast)}",
        ForecastVerdict.Postcopy =>
            $"after {Rounds(forecast.Rounds.Count)} the guest goes over with {Figures.Count(forecast.Postcopy!.MissingPages)} pages "
                + $"missing; they follow in {Time(forecast.Postcopy.DurationMilliseconds)}, "
            + $"and vCPUs wait {Time(forecast.Postcopy.BlocktimeMilliseconds)} for {Figures.Count(forecast.Postcopy.PostcopyRequests)} "
            + $"of them or more",
        ForecastVerdict.Diverging =>
            $"from round {forecast.DivergingRound} on rounds gain nothing: never less than {Figures.Bytes(Least(forecast))} are left, "
                + $"and {LimitOf(forecast)} is over after {Rounds(forecast.Rounds.Count)}{Throttled(forecast)}",
        _ => $"{LimitOf(forecast)} is over after {Rounds(forecast.Rounds.Count)}, "
            + $"with {Figures.Bytes(Least(forecast))} left at least{Throttled(forecast)}",
    };

    public static string Name(ForecastVerdict verdict) => KebabCase.Of(verdict);

    public static string Time(double milliseconds) => Figures.Microseconds(milliseconds * 1e3);

    public static string Time(double? milliseconds) => milliseconds is { } known ? Time(known) : "-";

    public static string Rounds(int count) => count == 1 ? "1 round" : string.Create(CultureInfo.InvariantCulture, $"{count} rounds");

    private static long Least(MigrationForecast forecast) => forecast.Rounds.Min(round => round.RemainingBytes);

    private static string LimitOf(MigrationForecast forecast) =>
        forecast.Limit == ForecastLimit.RoundsMax ? "the limit of rounds" : "the time limit";

    private static string Throttled(MigrationForecast forecast)
    {
        if (forecast.Rounds.Any(round => round.DirtyLimited))
            return $", under the dirty limit for {Time(forecast.ThrottledMilliseconds)} of guest time";
        var most = forecast.Rounds.Max(round => round.ThrottlePercentage);
        return most == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", with the guest throttled by up to {most} %");
    }
}
