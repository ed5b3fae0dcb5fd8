using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>The network between the machines of a migration does what networks do while all machines live.</summary>
internal static class NetworkScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new MigrationRepeats(),
        new AbandonWhilePreparing(),
    ];
}

/// <summary>
/// Claim: calls between the two user spaces, and to the inventory, may arrive twice, in any order and long after each other, and nothing
/// comes of it. The caller takes whichever answer comes first. The migration completes, the memory that arrives is the memory that left,
/// and the VM runs on one host (L5, M1, M2, M4, the oracle). The inventory may be replaced meanwhile.
/// </summary>
internal sealed class MigrationRepeats : Scenario
{
    public override string Name => "migration-repeats";
    public override string Claim => "a call of a migration that arrives twice does what it does once";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.CallRepeated];
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { MachinesDie = true, RepeatsSeed = 1 + (ulong)plan.Random.Next(int.MaxValue) };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Chance(0.3)) plan.Actor("fate").ReplaceInventory(MigrationPlan.DrawDeath(plan));
        plan.After(SurvivorCheck.AfterAll);
    }
}

/// <summary>
/// Claim: a source that waits no longer for its destination to prepare tells it to give up, and the destination does so when it has
/// prepared: nothing of the VM is left there, without a question to the source (S11, M3). The guest runs on at the source, and the next
/// migration may come while the first destination still prepares (M1, M4, the oracle).
/// </summary>
internal sealed class AbandonWhilePreparing : Scenario
{
    public override string Name => "abandon-while-preparing";
    public override string Claim => "a destination that is told to give up while it prepares leaves nothing";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.AbandonedWhilePreparing];
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { PreparesSlowly = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Read(1);
        plan.Vcpu().Write(1).Read(0).Write(0);
        var parameters = MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name));
        plan.Actor("user").MigrateVm(parameters).MigrateVm(parameters);
        plan.After(SurvivorCheck.AfterAll);
    }
}
