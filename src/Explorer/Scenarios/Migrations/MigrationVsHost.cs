using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Scenarios.Migrations;

/// <summary>
/// Claim: memory events of either host, KSM, and memslot updates while a VM moves lose no page and no write (S6, M1, the oracle). Pages
/// that user space discards are sent as zeroes, and a memslot that comes or goes loses no dirty bit (kvm-protocol 9.2, Q1).
/// </summary>
internal sealed class MigrationVsHost : Scenario
{
    public override string Name => "migration-vs-host";
    public override string Claim => "memory events and memslot updates during a migration lose no page";

    public override IReadOnlyList<ScenarioParameter> Parameters =>
        [MigrationPlan.Log, MigrationPlan.Rounds, MigrationPlan.Postcopy];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        MigrationPlan.MustComplete(plan);
        plan.Before(stage => stage.PlugAsync());
        plan.Vcpu().WriteCommon(0).WriteCommon(1).Write(0).WritePlugged(0).Read(1);
        plan.Actor("mm").KsmScan(8).DontNeed(1).Reclaim(0).Unmap(0).Migrate(1);
        plan.Actor("admin").Unplug().Plug().FlagPlugged(MemslotFlags.None).SoftwareWrite(1);
        var rounds = plan.Parameter(MigrationPlan.Rounds.Name);
        var parameters = MigrationPlan.AfterRounds(rounds + 1);
        plan.Actor("user")
            .MigrateVm(plan.Parameter(MigrationPlan.Postcopy.Name) == 1 ? parameters with { PostcopyAfterRounds = rounds } : parameters);
    }
}
