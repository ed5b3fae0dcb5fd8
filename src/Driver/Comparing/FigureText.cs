using System.Globalization;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Comparing;

/// <summary>Figures of a comparison for people.</summary>
internal static class FigureText
{
    public static string Of(double value, FigureUnit unit) => unit switch
    {
        FigureUnit.Microseconds => Figures.Microseconds(value),
        FigureUnit.PerSecond => Figures.Count(value) + "/s",
        _ => value.ToString(Math.Abs(value) < 10 ? "0.###" : "0.#", CultureInfo.InvariantCulture),
    };

    /// <summary>Its median, "-" for none, and a star where it differs.</summary>
    public static string Median(GroupFigure figure, FigureUnit unit) =>
        figure.Interval is { } interval ? Of(interval.Median, unit) + (figure.Differs == true ? "*" : "") : "-";

    /// <summary>The interval's ends; nothing for one run.</summary>
    public static string Interval(GroupFigure figure, FigureUnit unit) => figure is { Values.Count: > 1, Interval: { } interval }
        ? $"{Of(interval.Low, unit)} to {Of(interval.High, unit)}"
        : "";

    /// <summary>What the intervals and marks of these groups are worth, in a sentence or two.</summary>
    public static string Worth(IReadOnlyList<ComparedGroup> groups)
    {
        var runs = groups.Min(group => group.Runs);
        var marks = runs < GroupFigure.RunsNeeded
            ? $"{Count(runs)} of a group cannot be told from noise: nothing is marked with less than {GroupFigure.RunsNeeded} runs of each."
            : $"A star marks what differs from {groups[0].Name} beyond noise (exact rank test, by chance in at most 1 of 100 cases).";
        if (runs == 1) return marks;
        var level = MedianInterval.Of([.. Enumerable.Range(0, runs).Select(i => (double)i)]).Level;
        return FormattableString.Invariant($"Medians; an interval holds the true median in {100 * level:0.#} of 100 cases. ") + marks;
    }

    public static string Verdicts(ComparedGroup group) => Words(group.Verdicts);

    public static string Broke(ComparedGroup group) => group.Broke.Count == 0 ? "nothing" : Words(group.Broke);

    private static string Words(IReadOnlyDictionary<string, int> counts) =>
        string.Join(", ", counts.Select(entry => FormattableString.Invariant($"{entry.Value} {entry.Key}")));

    private static string Count(int runs) => runs == 1 ? "One run" : $"{runs} runs";
}
