using System.Globalization;
using Livebed.Driver.Predicting;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>An explanation in sentences.</summary>
internal static class ExplanationText
{
    /// <returns>each with whether it says that something is not as forecast</returns>
    public static IEnumerable<(string Text, bool IsBad)> Sentences(
        ExplainRequest request, ForecastsByStart byStart, Explanation explanation)
    {
        if (explanation.Rounds.Count == 0)
            yield return ("the log has no whole round: it ended, or was looked at too seldom, before the second sync", true);
        else if (explanation.FirstDeparture is not { } first)
            yield return (string.Create(
                CultureInfo.InvariantCulture, $"it follows the forecast in all {ForecastText.Rounds(explanation.Rounds.Count)}"), false);
        else
            yield return (string.Create(
                CultureInfo.InvariantCulture,
                $"it follows the forecast {(first == explanation.Rounds[0] ? "in no round" : $"up to round {first.Measured.Number - 1}")}; "
                    + $"in round {first.Measured.Number} {Reason(first, request)}"), true);
        foreach (var reason in explanation.Rounds.Where(round => round.Reason != DepartureReason.Follows)
            .GroupBy(round => round.Reason).Where(group => group.Key != explanation.FirstDeparture!.Reason))
            yield return (string.Create(
                CultureInfo.InvariantCulture,
                $"then, in {ForecastText.Rounds(reason.Count())} from round {reason.First().Measured.Number} on: "
                    + $"{Reason(reason.First(), request)}"), true);
        if (explanation.Unreachable is { } unreachable)
            yield return (
                $"the downtime limit was never in reach: no sync left less than {Figures.Bytes(unreachable.LeastLeft)}, which needs "
                + $"{ForecastText.Time(unreachable.NeededMilliseconds)} at the bandwidth that was measured"
                + (unreachable.IsForecast ? "; the forecast says so too" : ""), true);
        if (request.Measured.DowntimeMilliseconds is { } downtime && byStart.Downtime is { } forecast)
        {
            var isWithin = downtime >= forecast.Least * 0.9 - 10 && downtime <= forecast.Most * 1.1 + 10;
            yield return ($"the downtime of {ForecastText.Time(downtime)} is {(isWithin ? "as" : "not as")} forecast, "
                + $"{ForecastText.Time(forecast.Least)} to {ForecastText.Time(forecast.Most)}", !isWithin);
        }
    }

    /// <summary>Names of the figures that are not as forecast.</summary>
    public static IReadOnlyList<string> Departed(ExplainedRound round) =>
    [
        .. new[]
        {
            (DepartedFigures.Time, "time"), (DepartedFigures.Bytes, "bytes"), (DepartedFigures.DirtyRate, "dirty rate"),
            (DepartedFigures.Bandwidth, "bandwidth"), (DepartedFigures.Left, "remaining"),
        }.Where(figure => round.Departs.HasFlag(figure.Item1)).Select(figure => figure.Item2),
    ];

    private static string Reason(ExplainedRound round, ExplainRequest request)
    {
        var measured = round.Measured;
        return round.Reason switch
        {
            DepartureReason.Throttled => measured.ThrottlePercentage > 1
                ? string.Create(
                    CultureInfo.InvariantCulture, $"the guest was throttled by {measured.ThrottlePercentage} %, and the forecast is not")
                : "the guest was throttled, and the forecast is not",
            DepartureReason.LinkBelowItsName =>
                $"the link, or what feeds it, carried {Figures.Bytes(measured.Bandwidth ?? 0)}/s, less than the "
                    + $"{Figures.Bytes(request.BytesPerSecond)}/s of its name",
            DepartureReason.LinkAboveItsName =>
                $"the link carried {Figures.Bytes(measured.Bandwidth ?? 0)}/s, more than the {Figures.Bytes(request.BytesPerSecond)}/s "
                    + "that were said",
            DepartureReason.ZeroPages =>
                $"{Figures.Count(measured.ZeroPages ?? 0)} pages were zero, which is not what the forecast takes (--zero-share)",
            DepartureReason.DirtyRateHigher =>
                $"the guest dirtied {Dirtied(measured)}, more than anywhere in the recording"
                    + (round.DirtyPagesPerSecond is { } rates ? $" ({Figures.Count(rates.Most)} at most)" : ""),
            DepartureReason.DirtyRateLower =>
                $"the guest dirtied {Dirtied(measured)}, fewer than anywhere in the recording"
                    + (round.DirtyPagesPerSecond is { } rates ? $" ({Figures.Count(rates.Least)} at least)" : ""),
            DepartureReason.SyncLate =>
                $"the sync came late: only {Figures.Bytes(measured.LeftBeforeSync ?? 0)} were known to be left before it",
            DepartureReason.MoreRounds => "it has a round more than the forecast of any start",
            _ => $"it differs in {string.Join(", ", Departed(round))}, and nothing in the log says why",
        };
    }

    private static string Dirtied(MeasuredRound measured) => measured.DirtyPagesPerSecond is { } rate
        ? $"{Figures.Count(rate)} pages a second"
        : $"what left {Figures.Bytes(measured.LeftBytes ?? 0)} after {ForecastText.Time(measured.Milliseconds)}";
}
