using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Tests.Strategies;

/// <summary>Depth-first search goes through everything within its bound, says so, and finds what is there to be found.</summary>
public sealed class ExhaustiveTests
{
    [Fact]
    public void Two_guests_two_ranges_and_a_memslot_update_are_harmless_in_every_interleaving_with_one_preemption()
    {
        var result = Search(null, preemptions: 1);
        Assert.Null(result.Finding);
        Assert.True(result.IsExhaustive);
        Assert.InRange(result.Schedules, 500, 5_000);
    }

    [Theory]
    [InlineData("unmap-skips-invalid-slot", Invariants.NoStaleTranslation, "deletes")]
    [InlineData("no-retry-check", Invariants.NoInstallUnderInvalidation)]
    [InlineData("end-skipped-after-eagain", Invariants.Balance, "deletes", "refuses")]
    [InlineData("count-dropped-before-walk", Invariants.SameSlots)]
    [InlineData("get-log-without-protect", Invariants.NoLostDirtyPage, "rounds")]
    public void A_mutant_of_each_kind_is_found(string mutant, string invariant, params string[] set)
    {
        var result = Search(Mutant.Find(mutant)!, preemptions: 2, set);
        Assert.Contains(invariant, result.Finding!.Violations.Select(violation => violation.Invariant));
        Assert.False(result.IsExhaustive);
    }

    [Theory]
    [InlineData("fault-vs-invalidate", 2)]
    [InlineData("nested-ranges", 1)]
    public void The_reduction_loses_no_outcome(string scenario, int preemptions)
    {
        var plan = new ScenarioPlan(ScenarioCatalog.Find(scenario)!, new ScenarioSetup("active-count"), 1);
        var (all, schedules) = Outcomes(plan, preemptions, reduces: false);
        var (reduced, fewer) = Outcomes(plan, preemptions, reduces: true);
        Assert.Equal(all, reduced);
        Assert.True(fewer < schedules, $"{fewer} of {schedules}");
    }

    /// <summary>Every way in which a schedule can end, by what its VM has counted.</summary>
    private static (SortedSet<string> Ends, long Schedules) Outcomes(ScenarioPlan plan, int preemptions, bool reduces)
    {
        var strategy = new DepthFirstStrategy(preemptions, reduces);
        var ends = new SortedSet<string>(StringComparer.Ordinal);
        var schedules = 0L;
        while (strategy.BeginSchedule() is { } footprints)
        {
            var played = new PlanPlayer(plan, Exclusions.None).Play(new(strategy, footprints: footprints) { CallsArePoints = false });
            schedules++;
            if (played.Result.Outcome == Explorer.Scheduling.ScheduleOutcome.Pruned) continue;
            var counters = played.Stage.Vm.Vm.Counters;
            ends.Add(
                $"{played.Result.Outcome} retries {counters.FaultRetries} elided {counters.NotifierElided} flushes {counters.TlbFlushes} "
                    + $"updates {counters.MemslotUpdates}");
        }

        return (ends, schedules);
    }

    private static SearchResult Search(Mutant? mutant, int preemptions, params string[] set) => new Search(
        ScenarioCatalog.Find("exhaustive")!,
        new ScenarioSetup("active-count", mutant) { Parameters = set.ToDictionary(name => name, _ => 1) },
        new SearchOptions { Strategy = StrategyKind.Dfs, Preemptions = preemptions, Schedules = 1_000_000 }).Run();
}
