using Livebed.Kvm.Checks;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
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

    /// <summary>The removal had no answer, and the inventory that began then had asked the host before: it kept the VM.</summary>
    [Fact]
    public void A_destroy_while_an_inventory_asks_the_hosts_leaves_no_entry()
    {
        var result = new Search(
            ScenarioCatalog.Find("destroy-vs-inventory")!, new ScenarioSetup(ProtocolCatalog.ActiveCount),
            new SearchOptions { Strategy = StrategyKind.Pct, Seed = 1, Schedules = 100 }).Run();
        Assert.True(result.Finding is null, Text.Of(result.Finding));
        Assert.InRange(result.Reached[ReachedCase.DestroyWithoutInventory], 20, 100);
    }

    /// <summary>The source stood still when it was to hear that the VM was registered, and a destroy came before it asked again.</summary>
    [Fact]
    public void A_destroy_takes_back_a_registration_of_which_it_never_heard()
    {
        var unheard = Count(
            "destroy-vs-inventory", postcopy: 0, 300,
            stage => stage is { IsDestroyed: true, Migration.Result.Reason: "cancelled before it began" }
                && stage.Bed.Machines[0] is { IsPaused: false } && stage.StatusAtDeath is MigrationStatus.None);
        Assert.True(unheard > 0, "no destroy came after a registration without an answer");
    }

    /// <summary>Found with the 571st of these schedules: the VM was on its way back when its first source heard, and of the inventory: that
    /// source took the way back for its own hand-over, and the check of starts and stops saw a guest that its migration left
    /// stopped.</summary>
    [Fact]
    public void A_source_that_hears_late_reports_its_own_hand_over_and_not_the_next()
    {
        var result = new Search(
            ScenarioCatalog.Find("migration-back-at-once")!, new ScenarioSetup(ProtocolCatalog.ActiveCount),
            new SearchOptions { Strategy = StrategyKind.Pct, Seed = 9_301_000, Schedules = 1_000 }).Run();
        Assert.True(result.Finding is null, Text.Of(result.Finding));
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
