namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: when the answer to a hand-over is lost, and even the inventory that knows, the VM runs on one host and never on two (M2). Source
/// and destination both claim it; the inventory is lost and made anew of what the hosts say while grants are on their way.
/// </summary>
internal sealed class MigrationHandOver : Scenario
{
    public override string Name => "migration-hand-over";
    public override string Claim => "a VM whose hand-over fails runs on one host, whoever loses which answer";
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
