using Livebed.Explorer.Beds.Migrations;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>The scenario of a broken link tests nothing unless a call meets the broken link.</summary>
public class MigrationRecoveryTests(ITestOutputHelper output)
{
    private const int Schedules = 300;
    private const int StepsOfAPlan = 200;

    [Theory]
    [InlineData(StrategyKind.Random)]
    [InlineData(StrategyKind.Pct)]
    public void The_link_breaks_at_every_message_often_twice_and_the_migration_completes(StrategyKind strategy)
    {
        var pauses = new int[3];
        var broke = new Dictionary<LinkMessage, int>();
        for (var seed = 1UL; seed <= Schedules; seed++)
        {
            var plan = new ScenarioPlan(ScenarioCatalog.Find("migration-recovery")!, new ScenarioSetup(ProtocolCatalog.ActiveCount), seed);
            var played = new PlanPlayer(plan, Exclusions.None).Play(new VirtualWorld(
                strategy == StrategyKind.Pct ? new PctStrategy(seed, PctStrategy.DefaultDepth, StepsOfAPlan) : new RandomStrategy(seed)));
            Assert.False(played.IsBroken, $"seed {seed}: {Text.Of(played.Violations)}");
            var info = played.Stage.Migration!.Info;
            Assert.Equal(MigrationStatus.Completed, info.Status);
            pauses[Math.Min(info.PostcopyPauses, 2)]++;
            foreach (var message in played.Stage.LinkBroke) broke[message] = broke.GetValueOrDefault(message) + 1;
        }

        output.WriteLine($"paused {string.Join(", ", pauses)}; {string.Join(", ", broke.OrderBy(entry => entry.Key))}");
        Assert.True(pauses[1] + pauses[2] > Schedules * 4 / 5, $"only {pauses[1]} and {pauses[2]} of {Schedules} schedules paused");
        Assert.True(pauses[2] > Schedules / 4, $"only {pauses[2]} of {Schedules} schedules paused twice");
        Assert.All(
            Enum.GetValues<LinkMessage>(),
            message => Assert.True(broke.GetValueOrDefault(message) > Schedules / 20, $"{message}: {broke.GetValueOrDefault(message)}"));
    }
}
