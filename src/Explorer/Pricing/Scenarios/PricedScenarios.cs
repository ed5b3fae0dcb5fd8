namespace Livebed.Explorer.Pricing.Scenarios;

/// <summary>The scenarios of cost, as `livebed list prices` shows them.</summary>
public static class PricedScenarios
{
    public static IReadOnlyList<PricedScenario> All { get; } =
    [
        new SpuriousBrownout(), new Uncontended(), new MemslotUnderRanges(), new DirtyLogPerf(), new MemslotPerf(), new NumaBalancing(),
        new RebuildAfterMigration(), new KsmScan(), new Teardown(),
    ];

    /// <summary>Null when there is none of that name.</summary>
    public static PricedScenario? Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name);
}
