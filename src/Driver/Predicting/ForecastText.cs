using System.Globalization;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Predicting;

/// <summary>A forecast in words.</summary>
internal static class ForecastText
{
    /// <summary>One sentence, without the full stop.</summary>
    /// <param name="forecast">of a migration</param>
    /// <param name="downtimeLimitMicroseconds">its downtime limit</param>
    public static string Explain(MigrationForecast forecast, long downtimeLimitMicroseconds) => forecast.Verdict switch
    {
        ForecastVerdict.Converges =>
            $"after {Rounds(forecast.Rounds.Count)} {Figures.Bytes(forecast.DowntimeBytes!.Value)} are left, "
                + $"a downtime of {Time(forecast.DowntimeMilliseconds!.Value)}{Cost(forecast)}{Throttled(forecast)}",
        ForecastVerdict.OverLimit =>
            $"after {Rounds(forecast.Rounds.Count)} the guest stands still for {Time(forecast.DowntimeMilliseconds!.Value)}, "
                + $"longer than {Figures.Microseconds(downtimeLimitMicroseconds)}: "
                + $"{Parts(forecast)}{Forced(forecast)}{Throttled(forecast)}",
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

    /// <summary>What the guest stands still for.</summary>
    private static string Parts(MigrationForecast forecast)
    {
        var bytes = forecast.DowntimeMilliseconds!.Value - forecast.SwitchoverCostMilliseconds;
        var what = forecast.Postcopy is null ? "that are left" : "that name missing pages";
        return $"{Time(forecast.SwitchoverCostMilliseconds)} for the switchover itself, {Time(bytes)} for "
            + $"{Figures.Bytes(forecast.DowntimeBytes!.Value)} {what}";
    }

    private static string Cost(MigrationForecast forecast) => forecast.SwitchoverCostMilliseconds > 0 ? $": {Parts(forecast)}" : "";

    private static string Forced(MigrationForecast forecast) =>
        forecast.Limit == ForecastLimit.None ? "" : $"; it was stopped for {LimitOf(forecast)}";

    public static string Name(ForecastVerdict verdict) => KebabCase.Of(verdict);

    public static string Time(double milliseconds) => Figures.Microseconds(milliseconds * 1e3);

    public static string Time(double? milliseconds) => milliseconds is { } known ? Time(known) : "-";

    public static string Rounds(int count) => count == 1 ? "1 round" : string.Create(CultureInfo.InvariantCulture, $"{count} rounds");

    private static long Least(MigrationForecast forecast) =>
        forecast.Rounds.Select(round => round.RemainingBytes).DefaultIfEmpty(forecast.Remaining).Min();

    private static string LimitOf(MigrationForecast forecast) =>
        forecast.Limit == ForecastLimit.RoundsMax ? "the limit of rounds" : "the time limit";

    private static string Throttled(MigrationForecast forecast)
    {
        if (forecast.Rounds.Any(round => round.DirtyLimited))
            return $", under the dirty limit for {Time(forecast.ThrottledMilliseconds)} of guest time";
        var most = forecast.Rounds.Select(round => round.ThrottlePercentage).DefaultIfEmpty(0).Max();
        return most == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $", with the guest throttled by up to {most} %");
    }
}
