using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Shrinking;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Shrinking;

/// <summary>What shrinking promises: smaller or equal in every case, the same invariant, an exact replay, and an end.</summary>
public sealed class ShrinkerTests(ITestOutputHelper output)
{
    public static TheoryData<string, string, ulong> Breaking
    {
        get
        {
            var data = new TheoryData<string, string, ulong>();
            for (ulong seed = 1; seed <= 2; seed++)
            {
                data.Add("fault-vs-invalidate", "no-retry-check", seed);
                data.Add("fault-vs-invalidate", "snapshot-after-lookup", seed);
                data.Add("fault-vs-invalidate", "no-tlb-flush", seed);
                data.Add("crowded-nested-ranges", Mutant.None, seed);
            }

            return data;
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    public void The_deadlock_of_nested_ranges_shrinks_to_two_actors_and_at_most_eight_events(ulong seed)
    {
        var (player, replay) = Found("crowded-nested-ranges", Mutant.None, seed);
        var result = Shrink(player, replay);
        Assert.Equal(Invariants.Deadlock, result.Kept);
        Assert.Equal(2, result.After.Actors);
        Assert.Equal(2, result.After.Operations);
        Assert.InRange(result.After.Events, 3, 8);
        Assert.Null(result.Limit);
    }

    [Fact]
    public void The_deadlock_of_the_scenario_nested_ranges_is_found_within_a_thousand_schedules_and_shrinks_to_at_most_eight_events()
    {
        var (player, replay) = Found("nested-ranges", Mutant.None, 1, schedules: 1_000);
        var result = Shrink(player, replay);
        Assert.Equal(Invariants.Deadlock, result.Kept);
        Assert.InRange(result.After.Events, 3, 8);
    }

    [Theory]
    [MemberData(nameof(Breaking))]
    public void What_comes_out_is_not_larger_breaks_the_same_and_can_be_followed_exactly(string scenario, string mutant, ulong seed)
    {
        var (player, replay) = Found(scenario, mutant, seed);
        var result = Shrink(player, replay);
        Assert.True(result.After <= result.Before, $"{result.Before} became {result.After}");
        Assert.Equal(replay.Violates[0], result.Kept);
        Assert.Equal(result.Kept, result.Replay!.Violates[0]);

        var again = player.Play(result.Replay, isLenient: false);
        Assert.Null(again.Divergence);
        Assert.Equal(result.Replay.LogHash, again.LogHash);
        Assert.Equal(result.Replay.Schedule, again.Schedule);
        Assert.Contains(result.Kept!, again.Violates);
    }

    [Theory]
    [MemberData(nameof(Breaking))]
    public void Shrinking_what_was_shrunk_changes_nothing(string scenario, string mutant, ulong seed)
    {
        var (player, replay) = Found(scenario, mutant, seed);
        var once = Shrink(player, replay);
        var twice = Shrink(player, once.Replay!);
        Assert.Equal(once.After, twice.After);
        Assert.Equal(once.Replay!.Schedule, twice.Replay!.Schedule);
        Assert.Equal(once.Replay.Without.Names, twice.Replay.Without.Names);
        Assert.Equal(once.Replay.LogHash, twice.Replay.LogHash);
    }

    [Fact]
    public void A_replay_that_breaks_nothing_is_refused()
    {
        var (_, replay) = Found("fault-vs-invalidate", "no-retry-check", 1);
        // The same schedule without the defect either cannot be followed or breaks nothing.
        var sound = new ReplayPlayer(ScenarioCatalog.Find("fault-vs-invalidate")!, new ScenarioSetup(ProtocolCatalog.ActiveCount));
        var result = new Shrinker(sound, new ShrinkOptions()).Shrink(replay);
        Assert.Null(result.Replay);
        Assert.NotNull(result.Refusal);
    }

    [Fact]
    public void The_bound_on_plays_is_kept_and_reported_and_the_smallest_so_far_is_given()
    {
        var (player, replay) = Found("crowded-nested-ranges", Mutant.None, 1);
        var result = new Shrinker(player, new ShrinkOptions { PlaysMax = 5 }).Shrink(replay);
        Assert.Contains("5 plays", result.Limit, StringComparison.Ordinal);
        Assert.InRange(result.Plays, 5, 7);
        Assert.True(result.After <= result.Before);
        Assert.Null(player.Play(result.Replay!, isLenient: false).Divergence);
    }

    [Fact]
    public void A_budget_that_is_over_ends_it()
    {
        var (player, replay) = Found("crowded-nested-ranges", Mutant.None, 1);
        var asked = 0;
        var result = new Shrinker(player, new ShrinkOptions { IsOver = () => ++asked > 20 }).Shrink(replay);
        Assert.Equal("the budget", result.Limit);
        Assert.NotNull(result.Replay);
    }

    private ShrinkResult Shrink(ReplayPlayer player, Replay replay)
    {
        var result = new Shrinker(player, new ShrinkOptions()).Shrink(replay);
        output.WriteLine($"{result.Before} -> {result.After} in {result.Plays} plays: {string.Join(", ", result.Replay?.Schedule ?? [])}");
        return result;
    }

    private static (ReplayPlayer Player, Replay Replay) Found(string scenarioName, string mutant, ulong seed, long schedules = 50_000)
    {
        var scenario = ScenarioCatalog.Find(scenarioName) ?? new CrowdedNestedRanges();
        var setup = new ScenarioSetup(
            mutant == Mutant.None ? ProtocolCatalog.Rwsem : ProtocolCatalog.ActiveCount,
            Mutant.Find(mutant));
        var found = new Search(
            scenario, setup, new SearchOptions { Strategy = StrategyKind.Random, Seed = 1_000_000 * seed, Schedules = schedules }).Run();
        Assert.NotNull(found.Finding);
        return (new ReplayPlayer(scenario, setup), found.Finding.Replay);
    }
}
