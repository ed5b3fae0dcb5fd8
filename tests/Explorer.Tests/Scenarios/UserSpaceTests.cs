using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>What the scenarios of user space have found, each with as many schedules as meet the case.</summary>
public sealed class UserSpaceTests
{
    /// <summary>Such a destroy left the VM in the inventory, with a host that no longer had it.</summary>
    [Fact]
    public void A_destroy_that_cancels_a_migration_before_it_begins_leaves_no_entry_of_the_inventory()
    {
        var cancelled = Count(
            "migration-vs-destroy", postcopy: 0, 300,
            stage => stage.IsDestroyed
                && stage.Migration?.Result is { Status: MigrationStatus.Cancelled, Reason: "cancelled before it began" });
        Assert.True(cancelled > 0, "no destroy came before the migration had begun");
    }

    /// <summary>The destination ran and gave its guest up while the source stood still. The source did not know the owner, and kept what it
    /// had of the VM.</summary>
    [Fact]
    public void A_source_that_comes_back_after_its_VM_has_gone_keeps_nothing_of_it()
    {
        var unknown = Count(
            "migration-source-pauses", postcopy: 1, 300,
            stage => stage.Migration is { Incoming.IsGuestLost: true, Result: { IsHandedOver: false, Status: MigrationStatus.Failed } });
        Assert.True(unknown > 0, "no source came back after its VM had gone");
    }

    private static int Count(string name, int postcopy, int schedules, Func<Stage, bool> isMet)
    {
        var setup = new ScenarioSetup(ProtocolCatalog.ActiveCount) { Parameters = new Dictionary<string, int> { ["postcopy"] = postcopy } };
        var met = 0;
        for (var seed = 1UL; seed <= (ulong)schedules; seed++)
        {
            var played = new PlanPlayer(new ScenarioPlan(ScenarioCatalog.Find(name)!, setup, seed), Exclusions.None)
                .Play(new VirtualWorld(new RandomStrategy(seed)));
            Assert.False(
                played.IsBroken, $"seed {seed}: {string.Join("; ", played.Violations.Select(violation => violation.Message))}");
            if (isMet(played.Stage)) met++;
        }

        return met;
    }
}
