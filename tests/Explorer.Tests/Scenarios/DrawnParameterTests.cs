using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>The dirty log of a migration, and whether it goes over to post-copy, are drawn from the seed of the schedule. What is set
/// stays, and a finding is repeated in the scene that it was made in.</summary>
public sealed class DrawnParameterTests
{
    private const int Seeds = 100;

    public static TheoryData<string> Scenarios =>
        [.. ScenarioCatalog.All.Where(scenario => scenario.Parameters.Any(one => one.Drawn is not null)).Select(scenario => scenario.Name)];

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Every_value_is_drawn_and_one_that_is_set_stays(string name)
    {
        var scenario = ScenarioCatalog.Find(name)!;
        foreach (var parameter in scenario.Parameters.Where(one => one.Drawn is not null))
        {
            var all = Enumerable.Range(parameter.Drawn!.Min, 1 + parameter.Drawn.Max - parameter.Drawn.Min).ToList();
            Assert.DoesNotContain(parameter.Default, all);
            Assert.Equal(all, ValuesOf(scenario, new ScenarioSetup("active-count"), parameter.Name));
            foreach (var value in all)
            {
                var set = new ScenarioSetup("active-count") { Parameters = new Dictionary<string, int> { [parameter.Name] = value } };
                Assert.Equal([value], ValuesOf(scenario, set, parameter.Name));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Scenarios))]
    public void The_VM_has_the_dirty_log_that_was_drawn(string name)
    {
        var logs = Enumerable.Range(1, Seeds)
            .Select(seed => new ScenarioPlan(ScenarioCatalog.Find(name)!, new ScenarioSetup("active-count"), (ulong)seed))
            .Select(plan => (plan.Options.DirtyLog, Drawn: (DirtyLogMode)plan.Parameter("log"))).ToList();
        Assert.All(logs, log => Assert.Equal(log.Drawn, log.DirtyLog));
    }

    [Theory]
    [InlineData("migration-precopy", nameof(Mutant.FinalSyncLosesPage), StrategyKind.Random)]
    [InlineData("migration-device-writes", nameof(Mutant.DeviceWriteWithoutMark), StrategyKind.Pct)]
    [InlineData("migration-vs-host", nameof(Mutant.FinalSyncLosesPage), StrategyKind.Pct)]
    [InlineData("migration-destination-dies", nameof(Mutant.FinalSyncLosesPage), StrategyKind.Random)]
    public void A_finding_of_any_scene_is_found_again_and_replayed(string name, string mutant, StrategyKind strategy)
    {
        var scenario = ScenarioCatalog.Find(name)!;
        var setup = new ScenarioSetup("active-count", (Mutant)typeof(Mutant).GetField(mutant)!.GetValue(null)!);
        var logs = new HashSet<int>();
        for (ulong seed = 1; seed < 20; seed++)
        {
            var options = new SearchOptions { Strategy = strategy, Seed = seed * 1_000, Schedules = 900 };
            var found = new Search(scenario, setup, options).Run().Finding;
            Assert.NotNull(found);
            logs.Add(found.Replay.Parameters["log"]);
            var again = new Search(scenario, setup, options with { Seed = found.Seed, Schedules = 1 }).Run().Finding;
            Assert.Equal(found.Replay.LogHash, again?.Replay.LogHash);
            var played = new ReplayPlayer(scenario, setup).Play(found.Replay, isLenient: false);
            Assert.Null(played.Divergence);
            Assert.Equal(found.Replay.LogHash, played.LogHash);
        }

        Assert.True(logs.Count > 1, "every finding had the same dirty log");
    }

    private static List<int> ValuesOf(Scenario scenario, ScenarioSetup setup, string parameter)
    {
        var values = Enumerable.Range(1, Seeds).Select(seed => new ScenarioPlan(scenario, setup, (ulong)seed).Parameter(parameter));
        return [.. values.Distinct().Order()];
    }
}
