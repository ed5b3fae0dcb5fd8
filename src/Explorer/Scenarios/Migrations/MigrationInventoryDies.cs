using Livebed.Explorer.Beds.Migrations;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: when the inventory's machine dies, at any step of the migration, the VM runs on exactly one host at the end (M2, M4). Grants and
/// refusals in flight are void once a new inventory has asked the host; a side that got one asks the new inventory. The request to take
/// over, or its answer, may be lost as well.
/// </summary>
internal sealed class MigrationInventoryDies : Scenario
{
    public override string Name => "migration-inventory-dies";
    public override string Claim => "whenever the inventory's machine dies, the VM runs on one host in the end";
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);

        // Only the inventory dies, but a call that is given up goes on in a lane of its own.
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        if (plan.Random.Next(4) is var loss and > 0) plan.Actor("wire").LoseTakeOver((TakeOverLoss)loss);
        plan.Actor("fate").ReplaceInventory(MigrationPlan.DrawDeath(plan));
        plan.After(SurvivorCheck.AfterInventoryDied);
    }
}
