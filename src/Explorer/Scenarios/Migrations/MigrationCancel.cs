using Livebed.Kvm.Migration;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: a migration that is cancelled, whenever, leaves the VM where it was and as it was (M3) or has moved it already, and the next one
/// works (M1, M2). The guest is being slowed down when the cancel comes.
/// </summary>
internal sealed class MigrationCancel : Scenario
{
    public override string Name => "migration-cancel";
    public override string Claim => "a cancelled migration leaves no trace, and the next one works";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 4 }, new("after", "syncs before the cancel", 2, 0, 8)];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Write(1).Write(0).Write(1).Write(0).Read(1);
        var parameters = MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)) with
        {
            Throttle = ThrottleKind.AutoConverge,
            ThrottlePeriodMicroseconds = 1,
            ThrottleTriggerThreshold = 1,
        };
        plan.Actor("user").MigrateVm(parameters).MigrateVm(MigrationPlan.AfterRounds(1));
        plan.Actor("admin").CancelMigration(plan.Parameter("after"));
    }
}
