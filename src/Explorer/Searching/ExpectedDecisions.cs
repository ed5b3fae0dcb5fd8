using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;

namespace Livebed.Explorer.Searching;

/// <summary>
/// About how many decisions a schedule has, among which PCT places its changes. It is measured on the scene of seed 0, whatever the seed of
/// the search, so that a search of one schedule repeats the finding of a longer one. Parameters that the seed draws are as it drew them:
/// post-copy takes longer than pre-copy. Where each seed draws a scene of its own, a scene with twice the operations has twice the
/// decisions.
/// </summary>
internal sealed class ExpectedDecisions(Scenario scenario, ScenarioSetup setup, LockOrderGraph order)
{
    private readonly Dictionary<string, (long Steps, long Operations)> _measured = [];

    public long Of(ScenarioPlan plan)
    {
        var drawn = ScenarioPlan.Drawn(scenario, setup, plan.Seed);
        var key = string.Join(' ', drawn.Values);
        if (!_measured.TryGetValue(key, out var measured)) _measured[key] = measured = Measure(drawn);
        return Math.Max(1, measured.Steps * plan.Operations / measured.Operations);
    }

    private (long Steps, long Operations) Measure(Dictionary<string, int> drawn)
    {
        var parameters = new Dictionary<string, int>(setup.Parameters);
        foreach (var (name, value) in drawn) parameters[name] = value;
        var plan = new ScenarioPlan(scenario, setup with { Parameters = parameters }, seed: 0);
        var world = new VirtualWorld(new RandomStrategy(0)) { LockOrder = order };
        return (new PlanPlayer(plan, Exclusions.None).Play(world).Result.Steps, Math.Max(1, plan.Operations));
    }
}
