using Livebed.Explorer.MutantRuns;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Tests.Shrinking;
using Livebed.Kvm.Checks;

namespace Livebed.Explorer.Tests.MutantRuns;

/// <summary>A mutant is good only if every seed catches it, by what its entry names, and nothing is wrong without it.</summary>
public sealed class MutantRunTests
{
    private static readonly Mutant _entry = Mutant.Find("no-retry-check")!;

    [Fact]
    public void Every_seed_catches_it_by_an_invariant_that_it_names()
    {
        var outcome = OutcomeOf(_entry);
        Assert.True(outcome.IsGood);
        Assert.Equal(5, outcome.Searches.Count);
        Assert.All(outcome.CaughtBy, invariant => Assert.Contains(invariant, _entry.CaughtBy));
        Assert.InRange(outcome.Median!.Value, outcome.Min!.Value, outcome.Max!.Value);
        Assert.Equal(outcome.Searches.Max(search => search.Schedules), outcome.Max);
    }

    [Fact]
    public void Another_invariant_than_it_names_is_a_surprise_and_not_good()
    {
        var outcome = OutcomeOf(_entry with { CaughtBy = [Invariants.RingFidelity] });
        Assert.False(outcome.IsGood);
        Assert.Equal(5, outcome.SurprisedSeeds.Count);
        Assert.Empty(outcome.MissedSeeds);
    }

    [Fact]
    public void What_breaks_without_the_mutant_too_is_a_false_alarm_and_not_good()
    {
        var mutant = Mutant.Find("ring-reset-without-protect")!;
        var outcome = OutcomeOf(mutant with { CaughtBy = [Invariants.Deadlock], Scenario = "crowded-nested-ranges", Protocol = "rwsem" });
        Assert.Equal(Invariants.Deadlock, outcome.FalseAlarm?.By);
        Assert.False(outcome.IsGood);
    }

    [Fact]
    public void What_a_scenario_is_known_to_break_is_neither_a_catch_nor_a_false_alarm()
    {
        var mutant = Mutant.Find("ring-reset-without-protect")!;
        var outcome = OutcomeOf(mutant with { CaughtBy = [Invariants.Deadlock], Scenario = "nested-ranges", Protocol = "rwsem" });
        Assert.Equal(5, outcome.MissedSeeds.Count);
        Assert.Null(outcome.FalseAlarm);
    }

    [Fact]
    public void A_scenario_that_there_is_not_is_a_problem()
    {
        var outcome = OutcomeOf(_entry with { Scenario = "nowhere" });
        Assert.Contains("nowhere", outcome.Problem, StringComparison.Ordinal);
        Assert.False(outcome.IsGood);
    }

    [Fact]
    public void When_the_time_is_over_all_that_are_under_way_have_had_the_same_share()
    {
        var asked = 0;
        // Two mutants that nothing of these scenes can show.
        var hidden = Mutant.Find("ring-reset-without-protect")! with { Scenario = "fault-vs-invalidate" };
        var outcomes = new MutantRun([hidden, hidden, _entry], Find, new MutantRunOptions { Seeds = 3, IsOver = () => ++asked > 1_000 })
            .Run();
        var schedules = outcomes.Take(2).SelectMany(outcome => outcome.Searches).Select(search => search.Schedules).ToList();
        Assert.InRange(schedules.Max() - schedules.Min(), 0, 32);
        Assert.InRange(schedules.Sum(), 900, 1_000);
        Assert.Equal([1UL, 2UL, 3UL], outcomes[0].MissedSeeds);
        Assert.True(outcomes[2].IsGood);
    }

    [Fact]
    public void A_catch_is_the_first_schedule_of_a_search_with_its_strategy_and_seed()
    {
        foreach (var found in OutcomeOf(Mutant.Find("snapshot-after-lookup")!).Searches.Select(search => search.Catch!))
        {
            var setup = new ScenarioSetup("active-count", Mutant.SnapshotAfterLookup);
            var again = new Search(
                Find("fault-vs-invalidate")!, setup,
                new SearchOptions { Strategy = found.Strategy, Seed = found.ScheduleSeed, Schedules = 1 }).Run();
            Assert.Equal(found.Message, Assert.Single(again.Finding!.Violations).Message);
        }
    }

    private static MutantOutcome OutcomeOf(Mutant entry) =>
        Assert.Single(new MutantRun([entry], Find, new MutantRunOptions { Seeds = 5, SchedulesMax = 500 }).Run());

    private static Scenario? Find(string name) => name == "crowded-nested-ranges" ? new CrowdedNestedRanges() : ScenarioCatalog.Find(name);
}
