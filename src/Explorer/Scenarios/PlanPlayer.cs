using Livebed.Kvm.UserSpace;
using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Guests;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>Plays one schedule of a plan: builds the stage, lets the actors run in the order of the world's strategy, and looks at what is
/// left.</summary>
public sealed class PlanPlayer
{
    private readonly ScenarioPlan _plan;
    private readonly Exclusions _omissions;
    private readonly ActorPlan[] _others;
    private readonly int[] _accesses;
    private readonly int _writes;

    // Made once and not for each schedule.
    private readonly Func<Stage, ValueTask> _setUp;
    private readonly Func<Stage, ValueTask> _look;
    private readonly Func<int, string> _vcpuName;
    private readonly Func<int, IPacedGuestProgram> _guest;
    private readonly Func<int, GuestState, IPacedGuestProgram> _restoredGuest;

    public PlanPlayer(ScenarioPlan plan, Exclusions omissions)
    {
        (_plan, _omissions) = (plan, omissions);
        _others = [.. plan.Actors.Where(actor => !actor.IsVcpu && !omissions.Has(actor))];
        ActorPlan[] vcpus = [.. plan.Actors.Where(actor => actor.IsVcpu)];
        var accesses = Array.ConvertAll(vcpus, vcpu => AccessesOf(vcpu, omissions));
        _accesses = Array.ConvertAll(accesses, ofVcpu => ofVcpu.Count);
        _writes = accesses.Sum(ofVcpu => ofVcpu.Count(access => access.Kind == GuestAccessKind.Write));
        (_setUp, _look) = (SetUpAsync, LookAsync);
        _vcpuName = index => vcpus[index].Name;
        _guest = index => new ScriptedGuest(accesses[index], state: null, plan.Options.GuestPaceMicroseconds);
        _restoredGuest = (index, state) => new ScriptedGuest(accesses[index], state, plan.Options.GuestPaceMicroseconds);
    }

    /// <summary>Plays it; the world must be new.</summary>
    public PlayResult Play(VirtualWorld world)
    {
        var stage = new Stage(new Bed(_plan.Options, world));
        if (!world.TryRunAtomically(_setUp, stage)) return StandsStill(stage, world.Run(stepsMax: 0));
        foreach (var actor in _others) Spawn(stage, actor);
        var result = world.Run(_plan.StepsMax);
        if (result.Outcome == ScheduleOutcome.Completed)
        {
            world.Trace?.Began("what is left is looked at");
            if (!world.TryRunAtomically(_look, stage)) return StandsStill(stage, result);
            if (world.Violations.Count > 0) result = result with { Outcome = ScheduleOutcome.Violated };
        }

        return new PlayResult(stage, result, result.Outcome == ScheduleOutcome.Pruned ? [] : stage.Bed.Violations(result));
    }

    /// <summary>What comes before the actors or after them waits, and nothing is left to run that could end the wait.</summary>
    private static PlayResult StandsStill(Stage stage, ScheduleResult result)
    {
        result = result with { Outcome = ScheduleOutcome.Stuck };
        Violation[] unreturned = [.. stage.Bed.UnreturnedCalls()];
        return new PlayResult(stage, result, unreturned.Length > 0 ? unreturned : stage.Bed.Violations(result));
    }

    private async ValueTask SetUpAsync(Stage stage)
    {
        await stage.Bed.CreateVmAsync(_guest, _vcpuName, _restoredGuest);
        for (var other = 0; other < _plan.Options.OtherVms; other++) await stage.Bed.CreateVmAsync();
        foreach (var step in _plan.BeforeSteps) await step(stage);
    }

    /// <summary>What has happened to one VM has done nothing to the others of the host.</summary>
    private static async ValueTask LookAtOtherAsync(Stage stage, BedVm vm)
    {
        vm.Vm.Checks.Ranges.Settled();
        await vm.Vm.Auditor.AuditAsync(stage.Bed.NewOperation(OperationKind.Audit));
        await vm.CheckMemoryAsync(stage.Bed.NewOperation(OperationKind.Audit));
        await vm.TearDownAsync(stage.Bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
    }

    /// <summary>A vCPU that is done has made every access of its program, or was told that it cannot, on whichever host.</summary>
    private void CheckPrograms(Stage stage, BedVm vm)
    {
        for (var i = 0; i < vm.Vcpus.Count; i++)
        {
            if (!vm.Vcpus[i].IsHalted) continue;
            var made = AccessesOf(vm, i);
            if (stage.Migration is not null)
                foreach (var before in stage.Bed.Vms[0].Incarnations.TakeWhile(before => before != vm))
                    if (i < before.Vcpus.Count) made += AccessesOf(before, i);
            if (made == _accesses[i]) continue;
            stage.Bed.World.Observer.Violated(new Violation(
                Invariants.SameMemory, $"vCPU {i} has made {made} of the {_accesses[i]} accesses of its program", vm.Name));
        }
    }

    /// <summary>Hosts have made every write of the guest's program. Not of one that was told that it cannot access its memory, or that a
    /// machine has taken with it.</summary>
    private void CheckWrites(Stage stage, BedVm vm)
    {
        foreach (var vcpu in vm.Vcpus)
            if (!vcpu.IsHalted) return;
        foreach (var one in stage.Bed.Vms[0].Incarnations)
            foreach (var vcpu in one.Vcpus)
                if (vcpu.Counters.AccessesSkipped > 0) return;
        var made = 0L;
        for (var i = 0; i < stage.Bed.Hosts.Count; i++)
        {
            if (stage.Bed.Machines[i].IsDead) return;
            made += stage.Bed.Hosts[i].Counters.GuestWrites;
        }

        if (made != _writes)
            stage.Broke(Invariants.Effect, $"the vCPUs are done, and hosts have made {made} of the {_writes} writes of their programs");
    }

    private static long AccessesOf(BedVm vm, int vcpu) => vm.Vcpus[vcpu].Counters.Accesses + vm.Vcpus[vcpu].Counters.AccessesSkipped;

    private static List<GuestOperation> AccessesOf(ActorPlan vcpu, Exclusions omissions)
    {
        var accesses = new List<GuestOperation>();
        for (var i = 0; i < vcpu.Operations.Count && !omissions.Has(vcpu); i++)
            if (!omissions.Has(vcpu, i)) accesses.Add(vcpu.Operations[i].Access!.Value);
        return accesses;
    }

    private void Spawn(Stage stage, ActorPlan actor)
    {
        // Most have one operation, and no need of a state around it.
        Func<ValueTask> acts = actor.Operations.Count == 1 && !_omissions.Has(actor, 0)
            ? () => Act(stage, actor.Operations[0])
            : () => ActAsync(stage, actor);
        stage.Bed.World.Spawn(actor.Name, acts);
    }

    private static ValueTask Act(Stage stage, PlannedOperation operation)
    {
        stage.Bed.World.Trace?.Began(operation.Text);
        return operation.Run!(stage);
    }

    private async ValueTask ActAsync(Stage stage, ActorPlan actor)
    {
        for (var i = 0; i < actor.Operations.Count; i++)
        {
            if (!_omissions.Has(actor, i)) await Act(stage, actor.Operations[i]);
        }
    }

    /// <summary>With everything at rest: every range has had its end, SPTEs match the page table, what the plan wants to see is so, and
    /// when all is torn down nothing is left.</summary>
    private async ValueTask LookAsync(Stage stage)
    {
        foreach (var violation in stage.Bed.World.GuestsThatStand()) stage.Bed.World.Observer.Violated(violation);
        var vm = _plan.VmSurvives ? stage.Survivor : null;
        if (vm is not null)
        {
            vm.Vm.Checks.Ranges.Settled();
            vm.Vm.Checks.Contract.Settled();
            CheckPrograms(stage, vm);
            CheckWrites(stage, vm);
            if (vm.SendsPages && !vm.Process.IsMigrating)
                stage.Broke(Invariants.SourceRestored, $"a stream of {vm.Name} is open at {vm.Host.Name}, and no migration goes on");
            await vm.Vm.Auditor.AuditAsync(stage.Bed.NewOperation(OperationKind.Audit));

            // After a migration memory may be on its way; scenarios of those look at it themselves.
            if (stage.Migration is null) await stage.CheckMemoryAsync();
        }

        foreach (var step in _plan.AfterSteps) await step(stage);
        for (var other = 1; other <= _plan.Options.OtherVms; other++) await LookAtOtherAsync(stage, stage.Bed.Vms[other].Newest);
        if (vm is not null) await vm.TearDownAsync(stage.Bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        for (var i = 0; i < stage.Bed.Hosts.Count; i++)
            if (stage.Bed.Hosts[i] is { Usage: { IsNothing: false } usage } host && !stage.Bed.Machines[i].IsDead)
                stage.Bed.World.Observer.Violated(new Violation(Invariants.Teardown, $"left on {host.Name} after everything: {usage}"));
    }
}

/// <summary>One schedule that was played: where, how it ended, and what was violated (hangs included).</summary>
public sealed record PlayResult(Stage Stage, ScheduleResult Result, IReadOnlyList<Violation> Violations)
{
    /// <summary>Whether the schedule shows a fault of the protocol; a lane that threw is one of the model and shown as such.</summary>
    public bool IsBroken => Violations.Count > 0 || Result.Outcome == ScheduleOutcome.Failed;
}

/// <summary>What is left out of a plan: actors by name ("mm"), operations by their number in the actor ("mm#2", from 0 on).</summary>
public sealed record Exclusions(IReadOnlySet<string> Names)
{
    public static readonly Exclusions None = new(new SortedSet<string>(StringComparer.Ordinal));

    public bool Has(ActorPlan actor) => Names.Contains(actor.Name);

    public bool Has(ActorPlan actor, int operation) => Names.Count > 0 && Names.Contains(NameOf(actor, operation));

    public Exclusions With(string name) => new(new SortedSet<string>(Names, StringComparer.Ordinal) { name });

    public static string NameOf(ActorPlan actor, int operation) => $"{actor.Name}#{operation}";
}
