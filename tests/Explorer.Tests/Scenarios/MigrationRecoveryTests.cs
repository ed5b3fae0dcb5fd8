using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>The scenario of a broken link tests nothing unless a call meets the broken link.</summary>
public class MigrationRecoveryTests
{
    private const int Schedules = 200;

    [Fact]
    public void The_link_breaks_in_post_copy_often_twice_and_the_migration_completes()
    {
        var player = new PlanPlayer(
            new ScenarioPlan(ScenarioCatalog.Find("migration-recovery")!, new ScenarioSetup(ProtocolCatalog.ActiveCount), seed: 1),
            Exclusions.None);
        var pauses = new int[3];
        for (var seed = 1UL; seed <= Schedules; seed++)
        {
            var played = player.Play(new VirtualWorld(new RandomStrategy(seed)));
            Assert.False(played.IsBroken);
            var info = played.Stage.Migration!.Info;
            Assert.Equal(MigrationStatus.Completed, info.Status);
            pauses[Math.Min(info.PostcopyPauses, 2)]++;
        }

        Assert.True(pauses[1] + pauses[2] > Schedules / 2, $"only {pauses[1]} and {pauses[2]} of {Schedules} schedules paused");
        Assert.True(pauses[2] > 0, "no schedule paused twice");
    }
}
