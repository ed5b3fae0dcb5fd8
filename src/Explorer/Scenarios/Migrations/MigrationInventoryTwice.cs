using Livebed.Explorer.Beds.Migrations;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: a second inventory begins at any step while the first one goes on answering, everybody at first and then one of the hosts. What
/// the first one grants to a host that the second has asked counts for nothing, so the VM runs on one host (M2, M4). The request to take
/// over, or its answer, may be lost as well.
/// </summary>
internal sealed class MigrationInventoryTwice : Scenario
{
    public override string Name => "migration-inventory-twice";
    public override string Claim => "an inventory that was replaced and goes on answering makes no second owner";
    public override bool IsDrawnFromSeed => true;

    public override ScenarioCase? Case { get; } = new(
        "the second inventory came while the VM migrated", MigrationPlan.WasMigrating);

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Next(4) is var loss and > 0) plan.Actor("wire").LoseTakeOver((TakeOverLoss)loss);
        plan.Actor("fate").ReplaceInventoryTwice(
            host: plan.Random.Next(2), MigrationPlan.DrawDeath(plan), 1 + plan.Random.Next(plan.Parameter(MigrationPlan.Within.Name)));
        plan.After(SurvivorCheck.AfterAll);
    }
}
