namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: with several channels no old copy of a page lands after a new one (M1). One page is written over and over, so that it travels in
/// every round, and the channels are as fast or as slow as the schedule wants (QEMU's multifd, kvm-protocol 8).
/// </summary>
internal sealed class MigrationChannels : Scenario
{
    public override string Name => "migration-channels";
    public override string Claim => "no old copy of a page overtakes a new one";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds with { Default = 3 }, new("channels", "channels at once", 2, 1, 8)];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Options = plan.Options with { RamPages = 1 };
        plan.Vcpu().Write(0).Write(0).Write(0).Read(0);
        plan.Actor("user").MigrateVm(
            MigrationPlan.AfterRounds(plan.Parameter(MigrationPlan.Rounds.Name)) with { Channels = plan.Parameter("channels") });
    }
}
