namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: the source's machine dies, at any step of the migration. If the destination owns the guest and has all of its pages, the guest
/// runs on there with every write (the oracle, M4). If pages died with the source it is reported as lost. A VM that the destination never
/// owned leaves nothing there (S11, M2).
/// </summary>
internal sealed class MigrationSourceDies : Scenario
{
    public override string Name => "migration-source-dies";
    public override string Claim => "when the source's machine dies the destination goes on, or goes away, as the inventory says";
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
        plan.Actor("fate").MachineDies(host: 0, MigrationPlan.DrawDeath(plan, isLinkBroken));
        plan.After(SurvivorCheck.AfterSourceDied);
    }
}
