using Livebed.Explorer.Scenarios.Migrations;

namespace Livebed.Explorer.Scenarios;

/// <summary>Every scenario, in the order in which they are best read.</summary>
public static class ScenarioCatalog
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new FaultVsInvalidate(),
        new NeighbouringPages(),
        new OverlappingRanges(),
        new YieldingZap(),
        new NestedRanges(),
        new MemslotCreate(),
        new MemslotMove(),
        new MemslotDelete(),
        new MemslotVsNotifier(),
        new DeleteVsHost(),
        new DeleteVsMerge(),
        new DestroyInRange(),
        new DestroyBothPaths(),
        new DirtyLogEnable(),
        new DirtyLogGet(),
        new DirtyLogClear(),
        new InitiallyAllSet(),
        new FinalSync(),
        new DirtyRingFull(),
        new DirtyRingOverflow(),
        new DirtyRingTampered(),
        new FastPageFault(),
        new KsmMerge(),
        new NonBlockableRange(),
        new AgeingVsLogging(),
        new AgeingWithoutAccessedBits(),
        new SoftwareWrite(),
        new WriteWithoutVcpu(),
        new PageReuse(),
        new MemslotStarvation(),
        new MigrationPrecopy(),
        new MigrationChannels(),
        new MigrationPostcopy(),
        new MigrationRecovery(),
        new MigrationCancel(),
        new MigrationHandOver(),
        new MigrationVsHost(),
        new MigrationSourceDies(),
        new MigrationDestinationDies(),
        new MigrationInventoryDies(),
        new MigrationInventoryTwice(),
        new MigrationSourcePauses(),
        new MigrationDestinationPauses(),
        new MigrationVsMemslotAtBegin(),
        new MigrationVsDestroy(),
        new DestroyWhileIncoming(),
        new Exhaustive(),
        new Swarm(),
    ];

    /// <summary>Null when there is none of that name.</summary>
    public static Scenario? Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name);
}
