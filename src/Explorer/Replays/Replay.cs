using System.Text.Json.Serialization;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

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

    /// <summary>The build that found it, see <see cref="ModelIdentity"/>; null in a file of before it was written down.</summary>
    public ReplayBuild? Livebed { get; init; } = ReplayBuild.Own;

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

/// <summary>A build. Replays of another model may take other steps.</summary>
/// <param name="Version">of livebed</param>
/// <param name="Commit">40 hexadecimal digits, or that there is none</param>
/// <param name="Model">hash of the model's sources</param>
public sealed record ReplayBuild(string Version, string Commit, string Model)
{
    public static ReplayBuild Own { get; } = new(ModelIdentity.Version, ModelIdentity.Commit, ModelIdentity.Model);

    /// <summary>What is to be said about a replay of this build; null when its model is this one.</summary>
    [JsonIgnore]
    public string? Difference => Model == ModelIdentity.Model
        ? null
        : $"the replay is of another model: {Model} (livebed {Version}, commit {Commit}), and this one is {ModelIdentity.Model}";
}
