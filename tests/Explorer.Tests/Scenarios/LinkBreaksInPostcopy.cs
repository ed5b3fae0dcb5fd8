using Livebed.Explorer.Beds.Migrations;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scenarios.Migrations;
using Livebed.Kvm.Migration;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>A link that breaks when the guest runs at the destination, not before, and is mended when the migration has paused: what a search seldom comes to by itself.</summary>
internal sealed class LinkBreaksInPostcopy : Scenario
{
    public override string Name => "link-breaks-in-postcopy";
    public override string Claim => "a pause of post-copy costs time and no page";
    public override IReadOnlyList<ScenarioParameter> Parameters => [MigrationPlan.Log];

    public override void LayOut(ScenarioPlan plan)
    {
        MigrationPlan.LayOutHosts(plan);
        plan.Vcpu().Write(0).Read(1).Write(0).Read(0);
        plan.Actor("user").MigrateVm(MigrationPlan.AfterRounds(2) with { PostcopyAfterRounds = 1, RecoveryLimitMicroseconds = 0 });
        var fate = plan.Actor("fate");
        Await(fate, MigrationStatus.PostcopyActive).BreakLink(BrokenLink.Pages);
        Await(fate, MigrationStatus.PostcopyPaused).MendLink();
    }

    private static ActorPlan Await(ActorPlan actor, MigrationStatus status) =>
        actor.InHost($"until {status}", stage => stage.AwaitMigrationAsync(migration => migration.Source.Status == status));
}
