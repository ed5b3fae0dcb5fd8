using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>The scenarios of a machine that dies say nothing unless it dies in every status, and unless each thing that can become of the
/// VM does.</summary>
public class MachineDeathTests(ITestOutputHelper output)
{
    private const int Schedules = 1_500;

    [Theory]
    [InlineData("migration-source-dies", 0)]
    [InlineData("migration-destination-dies", 0)]
    [InlineData("migration-source-dies", 1)]
    [InlineData("migration-destination-dies", 1)]
    public void A_machine_dies_in_every_status_and_the_VM_survives_some_deaths_and_not_others(string name, int postcopy)
    {
        var statuses = new Dictionary<MigrationStatus, int>();
        var (survived, died, lost) = (0, 0, 0);
        Play(name, postcopy, stage =>
        {
            var status = Assert.NotNull(stage.StatusAtDeath);
            statuses[status] = statuses.GetValueOrDefault(status) + 1;
            if (stage.Migration is { } migration && (migration.Incoming.IsGuestLost || migration.Result?.IsGuestLost == true)) lost++;
            else if (stage.Bed.MachineOf(stage.Vm.Host).IsDead) died++;
            else survived++;
        });
        output.WriteLine(
            string.Join(", ", statuses.OrderBy(entry => entry.Key).Select(entry => $"{entry.Key} {entry.Value}"))
            + $"; survived {survived}, died {died}, lost {lost}");
        MigrationStatus[] expected = [MigrationStatus.Setup, MigrationStatus.Active, MigrationStatus.Device, MigrationStatus.Completed];
        if (postcopy == 1)
            expected = [.. expected, MigrationStatus.PostcopyActive, MigrationStatus.PostcopyPaused, MigrationStatus.PostcopyRecover];
        Assert.All(expected, status => Assert.Contains(status, statuses.Keys));
        Assert.True(survived > 0, "the VM never survived");
        Assert.True(died > 0, "the VM never died with its machine");
        Assert.Equal(postcopy == 1, lost > 0);
    }

    [Fact]
    public void An_inventory_that_dies_leaves_the_VM_now_here_now_there()
    {
        var (moved, stayed, refused) = (0, 0, 0);
        Play("migration-inventory-dies", 0, stage =>
        {
            if (stage.Migration is not { Result: { } info }) return;
            if (info.Status == MigrationStatus.Completed) moved++;
            else stayed++;
            if (info is { Status: MigrationStatus.Completed, Reason.Length: > 0 }) refused++;
        });
        output.WriteLine($"moved {moved}, of which the source heard from the inventory {refused}; stayed {stayed}");
        Assert.True(moved > 0 && stayed > 0 && refused > 0, $"moved {moved}, stayed {stayed}, heard from the inventory {refused}");
    }

    /// <summary>Found with the 2271st of these schedules: a source believed a refusal of the old inventory, gave the VM up before the new
    /// one asked it, and the destination's grant counted for nothing.</summary>
    [Fact]
    public void A_VM_that_an_inventory_gave_away_as_it_died_is_not_forgotten()
    {
        var setup = new ScenarioSetup(ProtocolCatalog.ActiveCount)
        {
            Parameters = new Dictionary<string, int> { ["log"] = 1, ["postcopy"] = 0 },
        };
        var result = new Search(
            ScenarioCatalog.Find("migration-inventory-dies")!, setup,
            new SearchOptions { Strategy = StrategyKind.Pct, Seed = 1, Schedules = 4_000 }).Run();
        Assert.True(result.Finding is null, Text.Of(result.Finding));
    }

    private static void Play(string name, int postcopy, Action<Stage> look)
    {
        var setup = new ScenarioSetup(ProtocolCatalog.ActiveCount) { Parameters = new Dictionary<string, int> { ["postcopy"] = postcopy } };
        for (var seed = 1UL; seed <= Schedules; seed++)
        {
            var played = new PlanPlayer(new ScenarioPlan(ScenarioCatalog.Find(name)!, setup, seed), Exclusions.None)
                .Play(new VirtualWorld(new RandomStrategy(seed)));
            Assert.False(
                played.IsBroken,
                $"seed {seed}: {played.Result} {Text.Of(played.Violations)}");
            look(played.Stage);
        }
    }
}
