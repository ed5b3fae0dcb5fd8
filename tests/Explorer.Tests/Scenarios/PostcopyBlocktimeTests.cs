using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>In these scenarios only vCPUs wait for pages, so a migration reports the same wait times as the lock statistics.</summary>
public class PostcopyBlocktimeTests
{
    [Theory]
    [InlineData("migration-postcopy", false)]
    [InlineData("migration-recovery", true)]
    public void What_a_migration_reports_is_what_its_vCPUs_waited(string name, bool breaks)
    {
        var scenario = ScenarioCatalog.Find(name)!;
        var plan = new ScenarioPlan(scenario, new ScenarioSetup(ProtocolCatalog.ActiveCount), seed: 1);
        var player = new PlanPlayer(plan, Exclusions.None);
        var (reported, inAll, whilePaused) = (0L, 0L, 0);
        for (var seed = 1UL; seed <= 200; seed++)
        {
            var counts = new LockCounts();
            var played = player.Play(new VirtualWorld(new RandomStrategy(seed)) { LockCounts = counts });
            Assert.False(played.IsBroken);
            var info = played.Stage.Migration!.Info;
            var blocktime = info.PostcopyBlocktime;
            Assert.InRange(blocktime.AllMicroseconds, 0, blocktime.VcpuMicroseconds.DefaultIfEmpty(0).Min());
            if (info.PostcopyPauses > 0 && blocktime.VcpuMicroseconds.Sum() > 0) whilePaused++;
            reported += blocktime.VcpuMicroseconds.Sum();
            inAll += counts.Of(LockClasses.Userfaultfd, LockMode.Read).WaitTotal;
        }

        Assert.True(reported > 0, "no vCPU ever waited for a page");
        Assert.Equal(inAll, reported);
        Assert.Equal(breaks, whilePaused > 0);
    }
}
