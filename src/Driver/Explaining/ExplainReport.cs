using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Predicting;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Prediction;
using Spectre.Console;

namespace Livebed.Driver.Explaining;

/// <summary>What `explain` prints for people.</summary>
internal sealed class ExplainReport(CommandEnvironment environment)
{
    /// <summary>Rounds that are shown at most: the first ones, and the last.</summary>
    private const int RoundsShown = 24;

    /// <summary>With room for the forecast of every figure.</summary>
    private const int WideColumns = 110;

    private readonly ReportPage _page = new(environment);

    public void Write(ExplainRequest request, ForecastsByStart byStart, Explanation explanation)
    {
        WriteHead(request, byStart);
        WriteRounds(explanation);
        foreach (var (text, isBad) in ExplanationText.Sentences(request, byStart, explanation))
            _page.Line(text, style: new Style(isBad ? Color.Red : Color.Green, decoration: Decoration.Bold));
    }

    private void WriteHead(ExplainRequest request, ForecastsByStart byStart)
    {
        var measured = request.Measured;
        var downtime = measured.DowntimeMilliseconds is { } known ? $", downtime {ForecastText.Time(known)}" : "";
        _page.Line(
            $"{request.LogName}: {measured.Source} over {ForecastText.Time(measured.Moments[^1].Milliseconds)}, "
                + $"{ForecastText.Rounds(measured.Rounds.Count)}, {measured.Status ?? "no status"}{downtime}",
            style: new Style(decoration: Decoration.Bold));
        var named = request.IsBandwidthMeasured ? " (the most that a round of the log carried)" : "";
        _page.Line(
            $"held against {request.Guest.Title}, as QEMU {request.Qemu.Version}: {Figures.Bytes(request.BytesPerSecond)}/s{named}, "
                + $"downtime limit {Figures.Microseconds(request.Parameters.DowntimeLimitMicroseconds)}", 2);
        var completing = byStart.Forecasts.Count(forecast => forecast.SwitchesOver);
        _page.Line(
            string.Create(
                CultureInfo.InvariantCulture,
                $"forecast: {completing} of {byStart.Forecasts.Count} starts complete, in {Range(byStart.TotalTime)}, downtime "
                    + $"{Range(byStart.Downtime)}"), 2);
    }

    private void WriteRounds(Explanation explanation)
    {
        // On a narrow terminal the forecasts of rate and rest give way; the JSON has all.
        var isWide = environment.Columns >= WideColumns;
        string[] whole = ["round", "took", "model", "sent", "model", "a second", "dirty/s", "model", "left", "model", "why"];
        string[] narrow = ["round", "took", "model", "sent", "model", "dirty/s", "left", "why"];
        var table = Tables.Create(isWide ? whole : narrow);
        table.Columns[^1].LeftAligned();
        var rounds = explanation.Rounds;
        for (var index = 0; index < rounds.Count; index++)
        {
            if (rounds.Count > RoundsShown && index == RoundsShown / 2)
            {
                table.Ellipsis();
                index = rounds.Count - RoundsShown / 2;
            }

            var (round, measured) = (rounds[index], rounds[index].Measured);
            table.Row(
            [
                measured.Number.ToString(CultureInfo.InvariantCulture), ForecastText.Time(measured.Milliseconds),
                ForecastText.Time(round.Milliseconds?.Median), Bytes(measured.Bytes), Bytes(round.Bytes?.Median),
                .. isWide ? [Bytes(measured.Bandwidth)] : Array.Empty<string>(), Count(measured.DirtyPagesPerSecond),
                .. isWide ? [Count(round.DirtyPagesPerSecond?.Median)] : Array.Empty<string>(), Bytes(measured.LeftBytes),
                .. isWide ? [Bytes(round.Left?.Median)] : Array.Empty<string>(), KebabCase.Of(round.Reason),
            ]);
        }

        _page.Console.Write(table);
    }

    private static string Range(Spread? spread)
    {
        if (spread is null) return "-";
        var (least, most) = (ForecastText.Time(spread.Least), ForecastText.Time(spread.Most));
        return least == most ? least : $"{least} to {most}";
    }

    private static string Count(double? count) => count is { } known ? Figures.Count(known) : "-";

    private static string Bytes(double? bytes) => bytes is { } known ? Figures.Bytes(known) : "-";
}
