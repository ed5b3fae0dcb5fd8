namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: the source's machine stands still at any step and goes on later, when its callers have given up, or have waited. Nothing of an
/// old epoch runs or writes then, and the VM runs on one host in the end or is reported as lost (M1, M2, M4, the oracle).
/// </summary>
internal sealed class MigrationSourcePauses : Scenario
{
    public override string Name => "migration-source-pauses";
    public override string Claim => "a source that stands still and comes back runs and writes nothing of an old epoch";
    public override bool IsDrawnFromSeed => true;

    public override ScenarioCase? Case { get; } = new(
        "it stood still while the VM migrated", MigrationPlan.WasMigrating);

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }, MigrationPlan.Postcopy, MigrationPlan.Within];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Options = plan.Options with { MachinesDie = true };
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Write(1).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRoundsOf(plan));
        plan.Actor("fate").MachineStandsStill(
            host: 0, MigrationPlan.DrawDeath(plan), 1 + plan.Random.Next(plan.Parameter(MigrationPlan.Within.Name)),
            plan.Random.Chance(0.5));
        plan.After(SurvivorCheck.AfterAll);
    }
}
