using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Plays one schedule of a plan: builds the stage, lets the actors run in the order of the world's strategy, and looks at what is left.</summary>
public sealed class PlanPlayer(ScenarioPlan plan, Omissions omissions)
{
    private readonly IReadOnlyList<ActorPlan> _vcpus = [.. plan.Actors.Where(actor => actor.IsVcpu)];
    private readonly IReadOnlyList<IReadOnlyList<GuestOperation>> _accesses =
        [.. plan.Actors.Where(actor => actor.IsVcpu).Select(vcpu => AccessesOf(vcpu, omissions))];
    private readonly IReadOnlyList<ActorPlan> _others = [.. plan.Actors.Where(actor => !actor.IsVcpu && !omissions.Has(actor))];

    /// <summary>Plays it; the world must be new.</summary>
    public Played Play(VirtualWorld world)
    {
        var stage = new Stage(new Bed(plan.Options, world));
        world.RunAtomically(() => SetUpAsync(stage));
        foreach (var actor in _others) Spawn(stage, actor);
        var result = world.Run(plan.StepsMax);
        if (result.Outcome == ScheduleOutcome.Completed)
        {
            world.Trace?.Began("what is left is looked at");
            world.RunAtomically(() => LookAsync(stage));
            if (world.Violations.Count > 0) result = result with { Outcome = ScheduleOutcome.Violated };
        }

        return new Played(stage, result, result.Outcome == ScheduleOutcome.Pruned ? [] : stage.Bed.Violations(result));
    }

    private async ValueTask SetUpAsync(Stage stage)
    {
        await stage.Bed.CreateVmAsync(
            index => new ScriptedGuest(_accesses[index]), index => _vcpus[index].Name, (index, state) => new ScriptedGuest(_accesses[index], state));
        foreach (var step in plan.BeforeSteps) await step(stage);
    }

    private static List<GuestOperation> AccessesOf(ActorPlan vcpu, Omissions omissions)
    {
        var accesses = new List<GuestOperation>();
        for (var i = 0; i < vcpu.Operations.Count && !omissions.Has(vcpu); i++)
            if (!omissions.Has(vcpu, i)) accesses.Add(vcpu.Operations[i].Access!.Value);
        return accesses;
    }

    private void Spawn(Stage stage, ActorPlan actor)
    {
        stage.Bed.World.Spawn(actor.Name, () => ActAsync(stage, actor));
    }

    private async ValueTask ActAsync(Stage stage, ActorPlan actor)
    {
        for (var i = 0; i < actor.Operations.Count; i++)
        {
            if (omissions.Has(actor, i)) continue;
            var operation = actor.Operations[i];
            stage.Bed.World.Trace?.Began(operation.Text);
            await operation.Run!(stage);
        }
    }

    /// <summary>With everything at rest: every range has had its end, SPTEs match the page table, what the plan wants to see is so, and when all
    /// is torn down nothing is left.</summary>
    private async ValueTask LookAsync(Stage stage)
    {
        if (plan.VmSurvives)
        {
            stage.Vm.Vm.Checks.Settled();
            await stage.Vm.Vm.Auditor.AuditAsync(stage.Bed.NewOperation(OperationKind.Audit));
        }

        foreach (var step in plan.AfterSteps) await step(stage);
        if (plan.VmSurvives) await stage.Vm.TearDownAsync(stage.Bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        foreach (var host in stage.Bed.Hosts)
            if (host.Usage is { IsNothing: false } usage)
                stage.Bed.World.Observer.Violated(new Violation(Invariants.Teardown, $"left on {host.Name} after everything: {usage}"));
    }
}
