using Livebed.Explorer.Scenarios.Migrations;

namespace Livebed.Explorer.Scenarios;

/// <summary>Every scenario, in the order in which they are best read. A family of scenarios is one file, with their list at its head: a new
/// scenario of a family is written there, and nowhere else.</summary>
public static class ScenarioCatalog
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        .. RangeScenarios.All,
        .. MemslotScenarios.All,
        .. MemslotBorderScenarios.All,
        .. TeardownScenarios.All,
        .. DirtyLogScenarios.All,
        .. DirtyRingScenarios.All,
        .. EffectScenarios.All,
        .. MigrationScenarios.All,
        .. BandwidthScenarios.All,
        .. MachineScenarios.All,
        .. NetworkScenarios.All,
        .. MigrationDestroyScenarios.All,
        new Exhaustive(),
        new Swarm(),
    ];

    /// <summary>Null when there is none of that name.</summary>
    public static Scenario? Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name);
}
