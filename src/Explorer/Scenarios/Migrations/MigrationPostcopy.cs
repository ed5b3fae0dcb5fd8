namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: a guest that runs before its memory has come never sees an old page, and no page that comes late undoes what it wrote (the
/// oracle, M1). After a first round the VM goes over; what was written meanwhile is discarded there and fetched when the guest misses it,
/// while the rest is pushed (kvm-protocol 8).
/// </summary>
internal sealed class MigrationPostcopy : Scenario
{
    public override string Name => "migration-postcopy";
    public override string Claim => "a guest that runs ahead of its memory sees no old page and loses no write";
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 1 }];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Read(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(1);
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        plan.Actor("admin").StartPostcopy();
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(rounds + 1) with { PostcopyAfterRounds = rounds });
    }
}
