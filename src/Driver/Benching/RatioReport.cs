using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Spectre.Console;

namespace Livebed.Driver.Benching;

/// <summary>What `bench` prints for people: each figure with what it is measured against, and whether its goal holds.</summary>
internal sealed class RatioReport(CommandEnvironment environment)
{
    private readonly ReportPage _page = new(environment);

    public void Write(RatioRequest request, IReadOnlyList<RatioRow> rows)
    {
        _page.Line(
            $"medians of {request.Rounds} rounds of {Seconds(request.Window)} a side, after {Seconds(request.WarmUp)} of warming up");
        var table = Tables.Create("figure", "unit", "measured", "against", "ratio", "least", "most", "goal", "holds");
        foreach (var row in rows)
            table.Row(
                row.Name, row.Unit, Count(row.Measured), Count(row.Against), Number(row.Ratio), Number(row.RatioLeast),
                Number(row.RatioMost), Text(row.Goal), row.Goal is null ? "" : row.Holds ? "yes" : "no");
        _page.Console.Write(table);
        var holds = rows.All(row => row.Holds);
        _page.Line($"goals: {(holds ? "hold" : "missed")}", style: new Style(holds ? Color.Green : Color.Red, decoration: Decoration.Bold));
    }

    /// <summary>Two saved results, figure by figure.</summary>
    public void Compare(IReadOnlyList<(RatioRow One, RatioRow Other)> rows)
    {
        var table = Tables.Create("figure", "unit", "first", "second", "second by first", "ratio, first", "ratio, second", "differs");
        foreach (var (one, other) in rows)
            table.Row(
                one.Name, one.Unit, Count(one.Measured), Count(other.Measured), Number(other.Measured / one.Measured), Number(one.Ratio),
                Number(other.Ratio), RatioComparison.Differs(one, other) ? "yes" : "no");
        _page.Console.Write(table);
        _page.Line("a figure differs where no round of the one result comes to what a round of the other did");
    }

    private static string Text(RatioGoal? goal) => goal is null ? "" : string.Join(", ", Parts(goal));

    private static IEnumerable<string> Parts(RatioGoal goal)
    {
        if (goal.Least is { } least) yield return $"≥ {Number(least)}";
        if (goal.Most is { } most) yield return $"≤ {Number(most)}";
        if (goal.MeasuredLeast is { } measuredLeast) yield return $"≥ {Count(measuredLeast)}";
        if (goal.MeasuredMost is { } measuredMost) yield return $"≤ {Count(measuredMost)}";
    }

    private static string Seconds(TimeSpan time) => $"{time.TotalSeconds.ToString("0.#", CultureInfo.InvariantCulture)} s";

    private static string Count(double value) =>
        double.IsNaN(value) ? "" : value.ToString(value < 100 ? "0.##" : "#,0", CultureInfo.InvariantCulture);

    private static string Number(double value) => double.IsNaN(value) ? "" : value.ToString("0.000", CultureInfo.InvariantCulture);
}
