namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: when the answer to a hand-over is lost, and also the inventory, the VM runs on one host and never on two (M2). Source and
/// destination both claim it. The inventory is lost, and a new one is made of the hosts' records while grants are in flight.
/// </summary>
internal sealed class MigrationHandOver : Scenario
{
    public override string Name => "migration-hand-over";
    public override string Claim => "a VM runs on one host after its hand-over fails, whichever answers are lost";
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Write(1).Read(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(1));
        plan.Actor("fate").LoseTakeOverAnswer();
        plan.Actor("inventory").ReplaceInventory();
    }
}
