using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;

namespace Livebed.Explorer.Searching;

/// <summary>
/// About how many decisions a schedule has, among which PCT places its changes. It is measured on the scene of seed 0, whatever the seed of
/// the search, so that a search of one schedule repeats the finding of a longer one. Where each seed draws a scene of its own, a scene with
/// twice the operations has twice the decisions.
/// </summary>
internal sealed class ExpectedDecisions
{
    private readonly long _steps;
    private readonly long _operations;

    public ExpectedDecisions(Scenario scenario, ScenarioSetup setup, LockOrderGraph order)
    {
        var plan = new ScenarioPlan(scenario, setup, seed: 0);
        _operations = Math.Max(1, plan.Operations);
        _steps = new PlanPlayer(plan, Exclusions.None).Play(new VirtualWorld(new RandomStrategy(0)) { LockOrder = order }).Result.Steps;
    }

    public long Of(ScenarioPlan plan) => Math.Max(1, _steps * plan.Operations / _operations);
}
