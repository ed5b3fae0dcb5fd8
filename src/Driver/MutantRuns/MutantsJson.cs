using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Exploring;
using Livebed.Explorer.MutantRuns;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.MutantRuns;

/// <summary>What `mutants --json` prints. A field without a value is null, never absent.</summary>
internal static class MutantsJson
{
    public static string Write(MutantsRequest request, IReadOnlyList<MutantOutcome> outcomes, TimeSpan elapsed, bool interrupted) =>
        JsonSerializer.Serialize(
        new
        {
            verdict = outcomes.All(outcome => outcome.IsGood) ? "valid" : "invalid",
            interrupted,
            budgetSeconds = request.Budget.TotalSeconds,
            elapsedSeconds = Math.Round(elapsed.TotalSeconds, 3),
            seeds = request.Seeds,
            strategy = request.Strategy is { } strategy ? KebabCase.Of(strategy) : "mixed",
            mutants = outcomes.Select(OutcomeOf),
        },
        ExploreJson.Options) + "\n";

    /// <summary>The command that plays the schedule again and writes its replay file.</summary>
    /// <param name="entry">the mutant's entry, with scenario and protocol</param>
    /// <param name="mutant">its name; null to play it without</param>
    /// <param name="found">strategy and seed</param>
    public static string CommandOf(Mutant entry, string? mutant, MutantCatch found) => $"{CommandText.Livebed} " + CommandText.Words(
    [
        "explore", entry.Scenario, "--protocol", entry.Protocol, .. mutant is null ? Array.Empty<string>() : ["--mutant", mutant],
        "--strategy", KebabCase.Of(found.Strategy), "--seed", FormattableString.Invariant($"{found.ScheduleSeed}"), "--schedules",
        FormattableString.Invariant($"{found.Schedules}"),
    ]);

    private static object OutcomeOf(MutantOutcome outcome) => new
    {
        outcome.Mutant.Name,
        outcome.Mutant.Bug,
        outcome.Mutant.Reference,
        outcome.Mutant.Story,
        outcome.Mutant.Scenario,
        outcome.Mutant.Protocol,
        good = outcome.IsGood,
        names = outcome.Mutant.CaughtBy,
        outcome.CaughtBy,
        medianSchedules = outcome.Median,
        minSchedules = outcome.Min,
        maxSchedules = outcome.Max,
        outcome.MissedSeeds,
        outcome.SurprisedSeeds,
        needs = outcome.Needs.Select(need => new
        {
            @case = need.Name,
            searches = outcome.Searches.Count(search => search.Met.Contains(need)),
            whenCaught = outcome.Searches.Count(search => search.Catch is not null && search.MetAtLast.Contains(need)),
        }),
        falseAlarm = outcome.FalseAlarm is { } alarm ? CatchOf(outcome.Mutant, null, alarm) : null,
        outcome.Problem,
        searches = outcome.Searches.Select(search => new
        {
            search.Seed,
            search.Schedules,
            neverMet = outcome.Needs.Where(need => !search.Met.Contains(need)).Select(need => need.Name),
            caught = search.Catch is { } found ? CatchOf(outcome.Mutant, outcome.Mutant.Name, found) : null,
        }),
    };

    private static object CatchOf(Mutant entry, string? mutant, MutantCatch found) => new
    {
        found.By,
        found.IsNamed,
        message = OneLine.Of(found.Message),
        found.Strategy,
        found.ScheduleSeed,
        command = CommandOf(entry, mutant, found),
    };
}
