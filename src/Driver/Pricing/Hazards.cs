using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Pricing;

/// <summary>What the explorer found, or did not find, for one design in one scene.</summary>
/// <param name="Design">the protocol</param>
/// <param name="Scenario">the scene</param>
/// <param name="Mutant">the defect that was switched on; null for none</param>
/// <param name="Schedules">that were played</param>
/// <param name="Broke">the invariants that the last one violated; null when none did</param>
/// <param name="Message">what happened; null likewise</param>
/// <param name="Worst">the largest value of the scene's objective; null where it has none</param>
/// <param name="Command">plays just that schedule again; null when none was found</param>
public sealed record Hazard(
    string Design, string Scenario, string? Mutant, long Schedules, string? Broke, string? Message, long? Worst, string? Command)
{
    /// <summary>In which designs differ: nested ranges, starving updates, teardown between start and end.</summary>
    private static readonly (string Scenario, Mutant? Mutant)[] _scenes =
    [
        ("nested-ranges", null), ("memslot-vs-notifier", null), ("memslot-starvation", null), ("destroy-in-range", null),
        ("destroy-in-range", Kvm.Checks.Mutant.Find("no-reset-at-destroy")),
    ];

    /// <summary>How often a design is searched.</summary>
    public static int Searches => _scenes.Length;

    /// <summary>Searches the scenes in which designs differ.</summary>
    /// <param name="design">the protocol</param>
    /// <param name="schedules">of each, at most</param>
    /// <param name="isOver">ends a search early</param>
    public static IEnumerable<Hazard> Of(string design, long schedules, Func<bool> isOver)
    {
        foreach (var (name, mutant) in _scenes)
        {
            var scenario = ScenarioCatalog.Find(name)!;
            var result = new Search(
                scenario, new ScenarioSetup(design, mutant), new SearchOptions { Schedules = schedules, IsOver = isOver }).Run();
            var found = result.Finding;
            yield return new Hazard(
                design, name, mutant?.Name, result.Schedules,
                found is null ? null : string.Join(", ", found.Violations.Select(violation => violation.Invariant).Distinct()),
                found is { Violations: [var first, ..] } ? first.Message : null, result.Worst?.Value,
                found is null ? null : FormattableString.Invariant($"livebed explore {name} --protocol {design}")
                    + (mutant is null ? "" : $" --mutant {mutant.Name}")
                    + FormattableString.Invariant($" --seed {found.Seed} --schedules 1"));
        }
    }
}
