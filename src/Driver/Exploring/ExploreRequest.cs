using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;

namespace Livebed.Driver.Exploring;

/// <summary>What `explore` was asked for, checked.</summary>
internal sealed record ExploreRequest
{
    /// <summary>Searched one after the other; they share the budget.</summary>
    public required IReadOnlyList<Scenario> Scenarios { get; init; }

    public required ScenarioSetup Setup { get; init; }

    /// <summary>How to search, without the callbacks.</summary>
    public required SearchOptions Search { get; init; }

    /// <summary>The time for all; null when only the number of schedules ends a search.</summary>
    public required TimeSpan? Budget { get; init; }

    /// <summary>Where the replay of a finding goes; null for the usual name in the current folder.</summary>
    public required string? ReplayFile { get; init; }

    public required bool ChecksDeterminism { get; init; }
    public required bool Verbose { get; init; }
    public required bool Json { get; init; }
}
