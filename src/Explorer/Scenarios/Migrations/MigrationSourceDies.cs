namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: when the source's machine dies, at whatever step of the migration, the guest goes on at the destination if that owns it and has
/// all of its pages, with every write (the oracle, M4); if pages died with the source it is reported as lost; and of a VM that was never
/// the destination's nothing is left there (S11, M2).
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
