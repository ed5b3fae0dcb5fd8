using Livebed.Explorer.Beds.Migrations;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: a link that breaks in post-copy, twice, costs time and no page: the migration pauses, both sides agree on what is missing, and it
/// goes on (the oracle, M1, L5).
/// </summary>
internal sealed class MigrationRecovery : Scenario
{
    public override string Name => "migration-recovery";
    public override string Claim => "a link that breaks in post-copy costs time and no page";

    public override ScenarioCase? Case { get; } =
        new("the link broke in post-copy", stage => stage.Migration?.Result?.PostcopyPauses > 0);

    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Vcpu().Write(0).Read(1).Write(0).Write(1).Write(0).Read(1).Write(0).Write(1).Write(0).Read(0);
        plan.Vcpu().Write(1).Read(0).Write(1).Write(0).Write(1).Read(0).Write(1).Read(1);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(2) with { PostcopyAfterRounds = 1, RecoveryLimitMicroseconds = 0 });
        plan.Before(stage =>
        {
            stage.BreakLink(BrokenLink.Pages, times: 2);
            return ValueTask.CompletedTask;
        });
    }
}
