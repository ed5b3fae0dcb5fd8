using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>What is known to go wrong is found, and labelled: the seed's deadlock, the merged protocol's starvation, and every
/// mutant.</summary>
public sealed class KnownOutcomeTests(ITestOutputHelper output)
{
    private const int SchedulesMax = 4_000;

    public static TheoryData<string> Mutants => [.. Mutant.All.Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Mutants))]
    public void A_mutant_is_caught_in_its_scenario_by_an_invariant_that_it_names(string name)
    {
        var mutant = Mutant.Find(name)!;
        var scenario = ScenarioCatalog.Find(mutant.Scenario);
        Assert.NotNull(scenario);
        foreach (var strategy in (StrategyKind[])[StrategyKind.Random, StrategyKind.Pct])
        {
            var finding = Find(scenario, new ScenarioSetup(mutant.Protocol, mutant), strategy, SchedulesMax).Finding;
            if (finding is null) continue;
            output.WriteLine($"{name}: {strategy} {Text.Of(finding)}");
            Assert.True(
                finding.Violations.Any(violation => mutant.CaughtBy.Contains(violation.Invariant)),
                $"the catalog says {string.Join(", ", mutant.CaughtBy)}, and not {Text.Of(finding)}");
            return;
        }

        Assert.Fail($"{name} was not caught in {mutant.Scenario} in {SchedulesMax} schedules");
    }

    [Theory]
    [InlineData(StrategyKind.Random)]
    [InlineData(StrategyKind.Pct)]
    public void A_fair_rwsem_deadlocks_on_nested_ranges_and_that_is_expected(StrategyKind strategy)
    {
        var finding = Find(ScenarioCatalog.Find("nested-ranges")!, new ScenarioSetup("rwsem"), strategy, 1_000).Finding;
        Assert.NotNull(finding);
        Assert.Equal([Invariants.Deadlock], finding.Violations.Select(violation => violation.Invariant));
        Assert.NotNull(finding.Expected);
    }

    [Fact]
    public void Its_potential_deadlock_is_reported_when_nothing_hangs()
    {
        var plan = new ScenarioPlan(ScenarioCatalog.Find("nested-ranges")!, new ScenarioSetup("rwsem"), seed: 1);
        var order = new LockOrderGraph();
        // One lane after the other: no lane waits for another.
        var played = new PlanPlayer(plan, Exclusions.None)
            .Play(new VirtualWorld(new DepthFirstStrategy(0, reduces: false)) { LockOrder = order });
        Assert.Equal(ScheduleOutcome.Completed, played.Result.Outcome);
        Assert.NotEmpty(order.PotentialCycles());
    }

    [Theory]
    [InlineData("active-count", true)]
    [InlineData("gfn-range", true)]
    [InlineData("rwsem-unfair", true)]
    [InlineData("rwsem", false)]
    [InlineData("unconditional", false)]
    public void Where_ranges_pass_a_waiting_update_it_starves_for_as_many_as_there_are(string protocol, bool starves)
    {
        var few = LongestWait(protocol, ranges: 2);
        var many = LongestWait(protocol, ranges: 16);
        output.WriteLine($"{protocol}: {few} notifications of 4, {many} of 32");
        if (starves) Assert.InRange(many, Math.Max(few + 1, 10), 32);
        // A fair semaphore admits readers until the update has queued, which is a step of its own, and then none.
        else Assert.InRange(many, 0, 6);
    }

    private static long LongestWait(string protocol, int ranges)
    {
        var setup = new ScenarioSetup(protocol) { Parameters = new Dictionary<string, int> { ["ranges"] = ranges } };
        var result = Find(ScenarioCatalog.Find("memslot-starvation")!, setup, StrategyKind.Random, 300);
        Assert.Null(result.Finding);
        return result.Worst!.Value;
    }

    private static SearchResult Find(Scenario scenario, ScenarioSetup setup, StrategyKind strategy, long schedules) =>
        new Search(scenario, setup, new SearchOptions { Strategy = strategy, Schedules = schedules }).Run();
}
