namespace Livebed.Explorer.Scenarios;

/// <summary>Every scenario, in the order in which they are best read.</summary>
public static class ScenarioCatalog
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new FaultVsInvalidate(),
    ];

    /// <summary>Null when there is none of that name.</summary>
    public static Scenario? Find(string name) => All.FirstOrDefault(scenario => scenario.Name == name);
}
