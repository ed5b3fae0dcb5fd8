namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: whatever the guest writes in whichever round of pre-copy, the memory that arrives is the memory that left (S6, M1), and the guest
/// finds it so (the oracle, on the destination). Guests write before, during and after the move (kvm-protocol 8).
/// </summary>
internal sealed class MigrationPrecopy : Scenario
{
    public override string Name => "migration-precopy";
    public override string Claim => "the memory that arrives by pre-copy is the memory that left";
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Write(1).Read(0).Write(0).Read(1);
        plan.Vcpu().Write(1).Write(0).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)));
    }
}
