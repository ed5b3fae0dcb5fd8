using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;

namespace Livebed.Explorer.Replays;

/// <summary>Everything that a schedule needs to be repeated; <see cref="ReplayFile"/> stores it.</summary>
public sealed record Replay
{
    public required string Scenario { get; init; }
    public required string Protocol { get; init; }

    /// <summary>The assembly that the protocol comes from; null for a preset.</summary>
    public string? ProtocolAssembly { get; init; }

    /// <summary>A mutant's name, or "none".</summary>
    public required string Mutant { get; init; }

    public required IReadOnlyDictionary<string, int> Parameters { get; init; }

    /// <summary>Of the plan, for a scenario that is drawn from its seed.</summary>
    public required ulong Seed { get; init; }

    /// <summary>Whether the schedule has steps between a call and its arrival, see
    /// <see cref="Scheduling.VirtualWorld.CallsArePoints"/>.</summary>
    public bool CallsArePoints { get; init; } = true;

    /// <summary>Actors and operations that are left out.</summary>
    public required Exclusions Without { get; init; }

    /// <summary>Which lane makes how many steps, one after the other.</summary>
    public required IReadOnlyList<ScheduleRun> Schedule { get; init; }

    /// <summary>The invariants that it breaks; empty for the worst case of an objective.</summary>
    public required IReadOnlyList<string> Violates { get; init; }

    /// <summary>The hash of its steps, by which a repeat is known to be one.</summary>
    public required ulong LogHash { get; init; }
}
