using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Tests.Strategies;

/// <summary>An adaptive search varies what it has kept, is the same each time, and its findings play again.</summary>
public sealed class AdaptiveTests
{
    private static readonly Scenario _scenario = ScenarioCatalog.Find("migration-precopy")!;
    private static readonly ScenarioSetup _setup = new("active-count", Mutant.FinalSyncLosesPage);

    [Fact]
    public void A_schedule_that_follows_another_to_its_end_is_that_one_whatever_comes_then()
    {
        var player = new PlanPlayer(new ScenarioPlan(_scenario, new ScenarioSetup("active-count"), 1), Exclusions.None);
        var recorder = new ScheduleRecorder();
        var first = player.Play(new VirtualWorld(new RandomStrategy(7), recorder: recorder)).Result;
        var other = player.Play(new VirtualWorld(new RandomStrategy(8))).Result;
        var part = player.Play(new VirtualWorld(new PrefixStrategy(recorder.Runs, first.Steps / 4, new RandomStrategy(8)))).Result;
        var whole = player.Play(new VirtualWorld(new PrefixStrategy(recorder.Runs, first.Steps, new RandomStrategy(8)))).Result;
        Assert.Equal((first.LogHash, first.Steps), (whole.LogHash, whole.Steps));
        Assert.Equal(3, new[] { first.LogHash, other.LogHash, part.LogHash }.Distinct().Count());
    }

    [Fact]
    public void A_schedule_is_kept_if_it_met_a_case_or_two_together_for_the_first_time()
    {
        var kept = new KeptSchedules(PctStrategy.DefaultDepth);
        var (one, two, both) = (new ReachedSet(1), new ReachedSet(2), new ReachedSet(3));
        Assert.Equal([true, true, false, true, false], new[] { one, two, one, both, two }.Select(met => kept.Ended(1, met, [(0, 10)])));
    }

    [Fact]
    public void A_search_is_the_same_each_time_and_its_finding_plays_again_also_where_the_schedule_was_a_varied_one()
    {
        var varied = 0;
        for (var seed = 1UL; seed <= 8; seed++)
        {
            var (first, second) = (Find(seed), Find(seed));
            Assert.Equal((first.Schedule, first.Replay.LogHash), (second.Schedule, second.Replay.LogHash));
            Assert.Equal(seed, first.Seed);
            var played = new ReplayPlayer(_scenario, _setup).Play(first.Replay, isLenient: false);
            Assert.Null(played.Divergence);
            Assert.Equal(first.Replay.LogHash, played.LogHash);
            if ((first.Schedule - 1) % 4 >= 2) varied++;
        }

        Assert.InRange(varied, 1, 7);
    }

    private static Finding Find(ulong seed) =>
        new Search(_scenario, _setup, new SearchOptions { Strategy = StrategyKind.Adaptive, Seed = seed }).Run().Finding!;
}
