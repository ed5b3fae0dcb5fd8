using Livebed.Driver.Terminal;
using Spectre.Console;

namespace Livebed.Driver.Comparing;

/// <summary>A comparison on the terminal: how each group ended and what it broke, then the main figures and those that differ.</summary>
internal static class ComparisonReport
{
    private const int NameColumns = 38;
    private const int IntervalColumns = 32;
    private const int MedianColumns = 10;

    public static void Write(IAnsiConsole console, Comparison comparison)
    {
        foreach (var difference in comparison.Differences)
            console.Write(new Text($"{difference.Key}: {string.Join(", ", difference.Values.Select(value => value.Value))}\n"));
        var verdicts = Tables.Create("group", "runs", "verdicts", "broke");
        foreach (var column in verdicts.Columns.Skip(2)) (column.Alignment, column.NoWrap) = (Justify.Left, false);
        foreach (var group in comparison.Groups)
            verdicts.Row(group.Name, FormattableString.Invariant($"{group.Runs}"), FigureText.Verdicts(group), FigureText.Broke(group));
        console.Write(verdicts);
        WriteFigures(console, comparison);
        console.Write(new Text(FigureText.Worth(comparison.Groups) + "\n"));
        var builds = comparison.Groups.SelectMany(group => group.Builds).Distinct(StringComparer.Ordinal).ToList();
        if (builds.Count > 1) console.Write(new Text($"the runs are of several builds: {string.Join(", ", builds)}\n"));
    }

    private static void WriteFigures(IAnsiConsole console, Comparison comparison)
    {
        var shown = comparison.Figures.Where(figure => figure.Differs || RunFigure.Main.Contains(figure.Name)).ToList();
        var groups = comparison.Groups.Count;
        var hasIntervals = NameColumns + groups * IntervalColumns <= console.Profile.Width
            && comparison.Groups.Any(group => group.Runs > 1);
        var fitting = hasIntervals ? groups : Math.Clamp((console.Profile.Width - NameColumns) / MedianColumns, 1, groups);
        for (var from = 0; from < groups; from += fitting)
        {
            var here = Enumerable.Range(from, Math.Min(fitting, groups - from)).ToList();
            var room = hasIntervals ? 2 * MedianColumns : (console.Profile.Width - NameColumns) / here.Count - 3;
            var table = Tables.Create(["figure", .. here.SelectMany(group => Heads(comparison.Groups[group].Name, room, hasIntervals))]);
            foreach (var figure in shown)
                table.Row([figure.Name, .. here.SelectMany(group => Cells(figure.Groups[group], figure.Unit, hasIntervals))]);
            console.Write(table);
        }

        var hidden = comparison.Figures.Count - shown.Count;
        if (hidden > 0) console.Write(new Text($"{hidden} more figures do not differ; the page has them\n"));
    }

    private static string[] Heads(string name, int room, bool hasIntervals)
    {
        var head = name.Length <= room ? name : "…" + name[^(room - 1)..];
        return hasIntervals ? [head, "interval"] : [head];
    }

    private static string[] Cells(GroupFigure figure, FigureUnit unit, bool hasIntervals) =>
        hasIntervals ? [FigureText.Median(figure, unit), FigureText.Interval(figure, unit)] : [FigureText.Median(figure, unit)];
}
