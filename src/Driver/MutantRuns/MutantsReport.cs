using System.Globalization;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Terminal;
using Livebed.Explorer.MutantRuns;
using Livebed.Kvm.Checks;
using Spectre.Console;

namespace Livebed.Driver.MutantRuns;

/// <summary>What `mutants` prints for people: a table on a terminal, with the stories where it is wide enough; else a line for each mutant.
/// What went wrong follows, each with the command that shows it.</summary>
internal sealed class MutantsReport(CommandEnvironment environment)
{
    /// <summary>From here on a story fits beside the figures.</summary>
    private const int WideColumns = 160;

    /// <summary>Columns that the figures and the longest story take at most.</summary>
    private const int FiguresColumns = 110;

    public void Write(IReadOnlyList<MutantOutcome> outcomes, TimeSpan elapsed)
    {
        var page = new ReportPage(environment);
        if (environment.IsTerminal) page.Console.Write(TableOf(outcomes));
        else WriteLines(page, outcomes);
        foreach (var outcome in outcomes.Where(outcome => !outcome.IsGood)) WriteProblems(page, outcome);
        var good = outcomes.Count(outcome => outcome.IsGood);
        page.Line(FormattableString.Invariant(
            $"{good} of {outcomes.Count} mutants caught in every seed by an invariant that they name, in {elapsed.TotalSeconds:0.0}s"));
        page.Line(
            $"verdict: {(good == outcomes.Count ? "valid" : "invalid")}",
            style: new Style(good == outcomes.Count ? Color.Green : Color.Red, decoration: Decoration.Bold));
    }

    private Table TableOf(IReadOnlyList<MutantOutcome> outcomes)
    {
        var isWide = environment.Columns >= WideColumns;
        string[] columns = ["mutant", "bug", "caught by", "median", "min", "max", "missed"];
        var table = Tables.Create([.. columns, .. isWide ? new[] { "case met", "story" } : []]);
        foreach (var outcome in outcomes)
        {
            string[] cells =
            [
                outcome.Mutant.Name, outcome.Mutant.Bug, CaughtBy(outcome), Count(outcome.Median), Count(outcome.Min), Count(outcome.Max),
                outcome.MissedSeeds.Count.ToString(CultureInfo.InvariantCulture),
            ];
            table.Row(
            [
                .. cells,
                .. isWide ? new[] { CaseMet(outcome), Shortened(outcome.Mutant.Story, environment.Columns - FiguresColumns) } : [],
            ]);
        }

        for (var column = 1; column < table.Columns.Count; column++)
            if (column is 1 or 2 or 8) table.Columns[column].LeftAligned();
        return table;
    }

    private static void WriteLines(ReportPage page, IReadOnlyList<MutantOutcome> outcomes)
    {
        var width = outcomes.Max(outcome => outcome.Mutant.Name.Length);
        foreach (var outcome in outcomes)
        {
            page.Line(
                $"{(outcome.IsGood ? "ok " : "BAD")} {outcome.Mutant.Name.PadRight(width)}  caught by {CaughtBy(outcome)}; schedules: "
                    + $"median {Count(outcome.Median)}, "
                + $"min {Count(outcome.Min)}, max {Count(outcome.Max)}; missed {outcome.MissedSeeds.Count} of {outcome.Searches.Count}, "
                + $"case met {CaseMet(outcome)}  "
                + $"[{outcome.Mutant.Bug}: {outcome.Mutant.Story}]");
        }
    }

    private static void WriteProblems(ReportPage page, MutantOutcome outcome)
    {
        var name = outcome.Mutant.Name;
        if (outcome.Problem is { } problem) page.Line($"{name}: {problem}");
        if (outcome.MissedSeeds.Count > 0)
        {
            var schedules = outcome.Searches.Where(search => search.Catch is null).Min(search => search.Schedules);
            page.Line($"{name}: not caught in {schedules} schedules or more of seed {string.Join(", ", outcome.MissedSeeds)}");
            foreach (var need in outcome.Needs) WriteNeed(page, outcome, need);
        }

        if (outcome.Searches.FirstOrDefault(search => search.Catch is { IsNamed: false })?.Catch is { } surprise)
        {
            page.Line(
                $"{name}: caught by {surprise.By}, which it does not name ({string.Join(", ", outcome.Mutant.CaughtBy)}): "
                    + $"{OneLine.Of(surprise.Message)}");
            page.Copyable($"  {MutantsJson.CommandOf(outcome.Mutant, name, surprise)}");
        }

        if (outcome.FalseAlarm is { } alarm)
        {
            page.Line($"{name}: {outcome.Mutant.Scenario} breaks {alarm.By} without it, too: {OneLine.Of(alarm.Message)}");
            page.Copyable($"  {MutantsJson.CommandOf(outcome.Mutant, null, alarm)}");
        }
    }

    /// <summary>A seed that missed the mutant and never met a case that the scenario exists for proves nothing about the check.</summary>
    private static void WriteNeed(ReportPage page, MutantOutcome outcome, ReachedCase need)
    {
        var without = outcome.Searches.Where(search => search.Catch is null && !search.Met.Contains(need))
            .Select(search => search.Seed).ToList();
        if (without.Count == 0) return;
        page.Line(
            $"{outcome.Mutant.Name}: {outcome.Mutant.Scenario} never met {need.Name} with seed {string.Join(", ", without)}: "
                + $"{need.Sentence}");
    }

    /// <summary>In how many of the searches that caught it the schedule met what the scenario exists for.</summary>
    private static string CaseMet(MutantOutcome outcome) => outcome.Needs.Count == 0
        ? "-"
        : FormattableString.Invariant($"{outcome.CaughtInNeed}/{outcome.Searches.Count - outcome.MissedSeeds.Count}");

    private static string CaughtBy(MutantOutcome outcome) => outcome.CaughtBy.Count == 0 ? "-" : string.Join(", ", outcome.CaughtBy);

    private static string Count(long? schedules) => schedules is { } count ? Figures.Count(count) : "-";

    private static string Shortened(string text, int columns) => text.Length <= columns ? text : text[..(columns - 1)] + "…";
}
