namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: the destination's machine dies, at any step of the migration. The guest runs on at the source with every write (the oracle, M4),
/// unless the destination owned it already. A guest that died with its machine never runs again, and nothing of it is left at the source
/// (M2, M3, S11).
/// </summary>
internal sealed class MigrationDestinationDies : Scenario
{
    public override string Name => "migration-destination-dies";
    public override string Claim => "when the destination's machine dies the source goes on, or says what is lost, as the inventory says";
    public override bool IsDrawnFromSeed => true;
    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        var isLinkBroken = MigrationPlan.DrawBrokenLink(plan);
        plan.Actor("fate").MachineDies(host: 1, MigrationPlan.DrawDeath(plan, isLinkBroken));
        plan.After(SurvivorCheck.AfterDestinationDied);
    }
}
