using Livebed.Explorer.Scenarios;

namespace Livebed.Explorer.Searching;

/// <summary>The scenes of a scenario by the seeds of its schedules. A scenario that is not drawn from its seed has few of them, which
/// differ in their surroundings and drawn parameters; each is laid out once.</summary>
internal sealed class SceneSource(Scenario scenario, ScenarioSetup setup)
{
    private readonly Dictionary<(Surroundings, long), Scene> _scenes = [];

    public Scene Of(ulong seed)
    {
        if (scenario.IsDrawnFromSeed) return Scene.Of(scenario, setup, seed);
        var surroundings = scenario.HasSurroundings ? Surroundings.Of(setup.Parameters, seed) : default;
        var key = (surroundings, ScenarioPlan.DrawnKey(scenario, setup, seed));
        if (!_scenes.TryGetValue(key, out var scene)) _scenes[key] = scene = Scene.Of(scenario, setup, seed);
        return scene;
    }
}

/// <summary>A plan and what plays it.</summary>
internal sealed record Scene(ScenarioPlan Plan, PlanPlayer Player)
{
    public static Scene Of(Scenario scenario, ScenarioSetup setup, ulong seed)
    {
        var plan = new ScenarioPlan(scenario, setup, seed);
        return new Scene(plan, new PlanPlayer(plan, Exclusions.None));
    }
}
