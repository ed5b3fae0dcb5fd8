using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Tests.Replays;

public sealed class ReplayPlayerTests
{
    private static readonly Scenario _scenario = ScenarioCatalog.Find("fault-vs-invalidate")!;
    private static readonly ScenarioSetup _setup = new("active-count", Mutant.NoRetryCheck);

    [Theory]
    [InlineData(StrategyKind.Random)]
    [InlineData(StrategyKind.Pct)]
    [InlineData(StrategyKind.Dfs)]
    [InlineData(StrategyKind.Adaptive)]
    public void A_finding_plays_again_step_by_step_whatever_found_it(StrategyKind strategy)
    {
        var replay = Find(strategy);
        var played = new ReplayPlayer(_scenario, _setup).Play(replay, isLenient: false);
        Assert.Null(played.Divergence);
        Assert.Equal(replay.LogHash, played.LogHash);
        Assert.Equal(replay.Violates, played.Violates);
        Assert.Equal(replay.Schedule, played.Schedule);
    }

    [Fact]
    public void A_schedule_that_cannot_be_followed_says_where()
    {
        var replay = Find(StrategyKind.Random);
        var played = new ReplayPlayer(_scenario, _setup).Play(replay with { Schedule = [new ScheduleRun("no-lane", 1)] }, isLenient: false);
        Assert.StartsWith("step 1: no-lane is to run and cannot", played.Divergence, StringComparison.Ordinal);
    }

    [Fact]
    public void What_a_lenient_play_really_ran_can_be_followed_exactly()
    {
        var replay = Find(StrategyKind.Random);
        var player = new ReplayPlayer(_scenario, _setup);
        var shorter = replay with { Schedule = [.. replay.Schedule.Where((_, index) => index % 3 != 1)] };
        var lenient = player.Play(shorter, isLenient: true);
        Assert.Null(lenient.Divergence);
        var exact = player.Play(lenient.ToReplay(replay), isLenient: false);
        Assert.Null(exact.Divergence);
        Assert.Equal(lenient.LogHash, exact.LogHash);
    }

    [Theory]
    [InlineData("scenario: 'x' is unknown", "x", "none", "vcpus", 1, "mm")]
    [InlineData("mutant: 'x' is unknown", "fault-vs-invalidate", "x", "vcpus", 1, "mm")]
    [InlineData("parameters: fault-vs-invalidate has no 'x'", "fault-vs-invalidate", "none", "x", 1, "mm")]
    [InlineData("parameters: vcpus: 99 is out of range", "fault-vs-invalidate", "none", "vcpus", 99, "mm")]
    [InlineData("without: there is no 'x' in fault-vs-invalidate", "fault-vs-invalidate", "none", "vcpus", 1, "x")]
    public void A_name_that_is_unknown_is_named_with_what_is_allowed(
        string message, string scenario, string mutant, string parameter, int value, string without)
    {
        var replay = Find(StrategyKind.Random) with
        {
            Scenario = scenario,
            Mutant = mutant,
            Parameters = new Dictionary<string, int> { [parameter] = value },
            Without = Exclusions.None.With(without),
        };
        var exception = Assert.Throws<ReplayException>(() => ReplayPlayer.Of(replay, (name, _) => new ScenarioSetup(name)));
        Assert.StartsWith(message, exception.Message, StringComparison.Ordinal);
        Assert.Contains("allowed: ", exception.Message, StringComparison.Ordinal);
    }

    private static Replay Find(StrategyKind strategy) =>
        new Search(_scenario, _setup, new SearchOptions { Strategy = strategy }).Run().Finding!.Replay;
}
