using Livebed.Kvm.Checks;
using Livebed.Driver.CommandLine;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Witnesses;

namespace Livebed.Driver.Exploring;

/// <summary>One scenario that was searched, and what came of it.</summary>
internal sealed record Explored
{
    public required Scenario Scenario { get; init; }
    public required ScenarioSetup Setup { get; init; }
    public required SearchOptions Search { get; init; }
    public required SearchResult Result { get; init; }
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Where the finding's replay is, as it is to be typed; null without a finding, and where it could not be written.</summary>
    public string? ReplayFile { get; init; }

    /// <summary>The same of the objective's worst case.</summary>
    public string? WorstFile { get; init; }

    /// <summary>The finding's schedule, written down; empty without one.</summary>
    public IReadOnlyList<WitnessEntry> Witness { get; init; } = [];

    public double StepsPerSecond => Elapsed <= TimeSpan.Zero ? 0 : Result.Steps / Elapsed.TotalSeconds;

    /// <summary>Cases that the scenario exists for and that no schedule has met.</summary>
    public IReadOnlyList<ReachedCase> NeverMet => [.. Scenario.Needs.Where(need => !Result.Reached.ContainsKey(need))];

    public ExploreVerdict Verdict
    {
        get
        {
            if (Result.Finding is not { } finding)
                return Result.Schedules == 0 || NeverMet.Count > 0 ? ExploreVerdict.Unknown : ExploreVerdict.Valid;
            if (finding.Failure is not null) return ExploreVerdict.Failed;
            return finding.Expected is null ? ExploreVerdict.Invalid : ExploreVerdict.Expected;
        }
    }
}
