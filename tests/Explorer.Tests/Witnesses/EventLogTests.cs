using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Strategies;
using Livebed.Explorer.Witnesses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Witnesses;

public sealed class EventLogTests
{
    private static readonly Scenario _scenario = ScenarioCatalog.Find("fault-vs-invalidate")!;

    [Theory]
    [InlineData(StrategyKind.Random)]
    [InlineData(StrategyKind.Pct)]
    [InlineData(StrategyKind.Dfs)]
    public void The_same_seed_gives_the_same_log_byte_for_byte(StrategyKind strategy)
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var (first, second) = (Play(strategy, seed), Play(strategy, seed));
            Assert.Null(EventLog.FirstDifference(first, second));
            Assert.Equal(Text(first), Text(second));
            Assert.NotEmpty(first.Entries);
        }
    }

    [Fact]
    public void The_first_difference_of_two_logs_is_named()
    {
        var (first, second) = (Play(StrategyKind.Random, 1), Play(StrategyKind.Random, 2));
        var at = first.Entries.Zip(second.Entries).TakeWhile(pair => pair.First == pair.Second).Count();
        Assert.StartsWith($"entry {at + 1}: \"", EventLog.FirstDifference(first, second), StringComparison.Ordinal);
    }

    [Fact]
    public void A_lock_that_is_handed_over_belongs_to_who_waited_although_another_runs()
    {
        var world = new VirtualWorld(new RandomStrategy(1));
        var log = new EventLog(world);
        var mutex = new KernelMutex(new LockDomain(world), LockClasses.SlotsLock, "vm-1");
        var ids = new OperationIds(0);
        foreach (var name in (string[])["a", "b"])
            world.Spawn(name, async () =>
            {
                var op = new Operation(ids.Next(), OperationKind.Audit);
                await mutex.AcquireAsync(op);
                for (var i = 0; i < 20; i++) await world.PointAsync(SchedulingPoint.MmStep);
                mutex.Release(op);
            });
        Assert.Equal(ScheduleOutcome.Completed, world.Run(1000).Outcome);
        log.Complete();

        var locks = log.Entries.Where(entry => entry.Kind != WitnessKind.Step).ToList();
        var (holder, waiter) = locks[0].Lane == "a" ? ("a", "b") : ("b", "a");
        Assert.Equal(
            [
                (holder, WitnessKind.Takes, "slots_lock"),
                (waiter, WitnessKind.Waits, $"slots_lock, held by {holder}"),
                (holder, WitnessKind.Drops, "slots_lock"),
                (waiter, WitnessKind.Gets, $"slots_lock, from {holder}"),
                (waiter, WitnessKind.Drops, "slots_lock"),
            ],
            locks.Select(entry => (entry.Lane, entry.Kind, entry.Text)));
    }

    [Fact]
    public void The_violation_is_in_the_log_where_it_happened_and_setting_the_stage_is_not()
    {
        var finding = Find(seed: 1);
        var (log, _) = Replay(finding.Replay, until: null);
        Assert.Equal(1, log.Entries[0].Step);
        var violation = Assert.Single(log.Entries, entry => entry.Kind == WitnessKind.Violation);
        Assert.Contains(finding.Violations[0].Message, violation.Text, StringComparison.Ordinal);
        // Only what the lane did before it came to its next point follows.
        Assert.All(
            log.Entries.SkipWhile(entry => entry != violation),
            entry => Assert.Equal((violation.Step, violation.Lane), (entry.Step, entry.Lane)));
    }

    [Fact]
    public void A_stopped_schedule_tells_of_every_lane_where_it_stands_and_what_it_holds()
    {
        var replay = Find(seed: 1).Replay;
        var total = replay.Schedule.Sum(run => run.Steps);
        for (var until = 1; until < total; until++)
        {
            var (log, played) = Replay(replay, until);
            Assert.Equal(until, played.PlayResult.Result.Steps);
            Assert.Empty(played.PlayResult.Violations);
            var lanes = LaneState.All(played.PlayResult, log);
            Assert.Equal(["vcpu-0", "mm"], lanes.Select(lane => lane.Lane));
            var held = log.Entries.Count(entry => entry.Kind is WitnessKind.Takes or WitnessKind.Gets) - log.Entries.Count(
                entry => entry.Kind == WitnessKind.Drops);
            Assert.Equal(held, lanes.Sum(lane => lane.Holds.Count));
        }
    }

    private static EventLog Play(StrategyKind strategy, ulong seed)
    {
        EventLog? log = null;
        new Search(_scenario, new ScenarioSetup("active-count"), new SearchOptions
        {
            Strategy = strategy,
            Seed = seed,
            Schedules = 1,
            Attach = world => log = new EventLog(world),
        }).Run();
        log!.Complete();
        return log;
    }

    private static Finding Find(ulong seed) =>
        new Search(_scenario, new ScenarioSetup("active-count", Mutant.NoRetryCheck), new SearchOptions { Seed = seed }).Run().Finding!;

    private static (EventLog Log, Replayed PlayResult) Replay(Replay replay, long? until)
    {
        EventLog? log = null;
        var played = new ReplayPlayer(_scenario, new ScenarioSetup("active-count", Mutant.NoRetryCheck))
            .Play(replay, isLenient: false, world => log = new EventLog(world), until);
        log!.Complete();
        return (log, played);
    }

    private static string Text(EventLog log) => string.Join('\n', log.Entries);
}
