using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Scheduling;

public sealed class VirtualWorldTests
{
    [Fact]
    public void Same_seed_same_log()
    {
        var first = Contend(new RandomStrategy(7), 4, 50);
        Assert.Equal(ScheduleOutcome.Completed, first.Outcome);
        Assert.Equal(first.LogHash, Contend(new RandomStrategy(7), 4, 50).LogHash);
        Assert.NotEqual(first.LogHash, Contend(new RandomStrategy(8), 4, 50).LogHash);
        Assert.Equal(Contend(new PctStrategy(7, 3, 400), 4, 50).LogHash, Contend(new PctStrategy(7, 3, 400), 4, 50).LogHash);
    }

    [Fact]
    public void Every_order_of_two_tasks_is_found()
    {
        var orders = new HashSet<string>();
        for (ulong seed = 0; seed < 100; seed++)
        {
            var world = new VirtualWorld(new RandomStrategy(seed));
            var order = "";
            foreach (var name in (string[])["a", "b"])
                world.Spawn(name, async () =>
                {
                    order += name;
                    await world.PointAsync(SchedulingPoint.MmStep);
                    order += name;
                });
            Assert.Equal(ScheduleOutcome.Completed, world.Run(1000).Outcome);
            orders.Add(order);
        }

        Assert.Equal(["aabb", "abab", "abba", "baab", "baba", "bbaa"], orders.Order(StringComparer.Ordinal));
    }

    [Fact]
    public void Two_locks_in_both_orders_get_stuck_in_some_schedules_only()
    {
        var outcomes = new HashSet<ScheduleOutcome>();
        for (ulong seed = 0; seed < 100; seed++)
        {
            var world = new VirtualWorld(new RandomStrategy(seed));
            var locks = new LockDomain(world);
            KernelMutex[] mutexes = [new(locks, LockClasses.SlotsLock, "vm"), new(locks, LockClasses.MmapLock, "vm")];
            var ids = new OperationIds(0);
            foreach (var first in (int[])[0, 1])
                world.Spawn($"from {first}", async () =>
                {
                    var op = new Operation(ids.Next(), OperationKind.Audit);
                    await mutexes[first].AcquireAsync(op);
                    await mutexes[1 - first].AcquireAsync(op);
                    mutexes[first].Release(op);
                    mutexes[1 - first].Release(op);
                });
            var result = world.Run(1000);
            outcomes.Add(result.Outcome);
            if (result.Outcome == ScheduleOutcome.Stuck) Assert.Equal(2, result.Unfinished.Count);
        }

        Assert.Equal([ScheduleOutcome.Completed, ScheduleOutcome.Stuck], outcomes.Order());
    }

    [Fact]
    public void A_lane_that_spins_while_another_gets_on_takes_nothing_from_the_limit_and_nobody_is_stuck()
    {
        const int StepsMax = 100;
        for (ulong seed = 0; seed < 100; seed++)
        {
            var world = new VirtualWorld(new RandomStrategy(seed));
            var isDone = false;
            world.Spawn("spins", async () =>
            {
                while (!isDone) await world.PointAsync(SchedulingPoint.Retry);
            });
            world.Spawn("gets on", async () =>
            {
                for (var i = 0; i < StepsMax - 20; i++) await world.PointAsync(SchedulingPoint.MmStep);
                isDone = true;
            });
            var result = world.Run(StepsMax);
            Assert.Equal(ScheduleOutcome.Completed, result.Outcome);
            Assert.True(result.Steps > StepsMax, "the schedule was too short to tell");
        }
    }

    [Fact]
    public void Timers_fire_in_order_of_time_and_time_passes_only_when_nobody_is_ready()
    {
        var world = new VirtualWorld(new RandomStrategy(1));
        var woken = new List<(string, long)>();
        foreach (var (name, delay) in ((string, long)[])[("late", 500_000), ("early", 10_000)])
            world.Spawn(name, async () =>
            {
                await world.DelayAsync(delay);
                woken.Add((name, world.NowMicroseconds));
            });
        Assert.Equal(ScheduleOutcome.Completed, world.Run(1000).Outcome);
        Assert.Equal(["early", "late"], woken.Select(entry => entry.Item1));
        Assert.InRange(woken[0].Item2, 10_000, 10_010);
        Assert.InRange(woken[1].Item2, 500_000, 500_010);
    }

    [Fact]
    public void A_task_that_never_stops_reaches_the_step_limit_and_one_that_throws_fails_the_run()
    {
        var world = new VirtualWorld(new RandomStrategy(1));
        world.Spawn("spinner", async () =>
        {
            while (true) await world.PointAsync(SchedulingPoint.Yield);
        });
        Assert.Equal(ScheduleOutcome.StepLimit, world.Run(1000).Outcome);

        world = new VirtualWorld(new RandomStrategy(1));
        world.Spawn("thrower", async () =>
        {
            await world.PointAsync(SchedulingPoint.Yield);
            throw new InvalidOperationException("on purpose");
        });
        var result = world.Run(1000);
        Assert.Equal(ScheduleOutcome.Failed, result.Outcome);
        Assert.Equal("on purpose", result.Failure!.Message);
    }

    [Fact]
    public void By_priority_a_task_can_stand_still_while_another_takes_many_steps()
    {
        var longest = 0;
        for (ulong seed = 0; seed < 20; seed++)
        {
            var world = new VirtualWorld(new PctStrategy(seed, depth: 10, steps: 100_000));
            var inARow = 0;
            var last = -1;
            for (var id = 0; id < 3; id++)
            {
                var me = id;
                world.Spawn($"task {id}", async () =>
                {
                    for (var step = 0; step < 300; step++)
                    {
                        inARow = last == me ? inARow + 1 : 0;
                        last = me;
                        longest = Math.Max(longest, inARow);
                        await world.PointAsync(SchedulingPoint.MmStep);
                    }
                });
            }

            Assert.Equal(ScheduleOutcome.Completed, world.Run(10_000).Outcome);
        }

        Assert.InRange(longest, 100, 600);
    }

    [Fact]
    public void By_priority_no_two_tasks_that_run_by_turns_keep_a_third_out_for_ever()
    {
        for (ulong seed = 0; seed < 50; seed++)
        {
            var world = new VirtualWorld(new PctStrategy(seed, depth: 1, steps: 1_000));
            var isDone = false;
            world.Spawn("renews a lease", async () =>
            {
                while (!isDone) await world.DelayAsync(1);
            });
            world.Spawn("waits for the third", async () =>
            {
                while (!isDone) await world.PointAsync(SchedulingPoint.Retry);
            });
            world.Spawn("the third", async () =>
            {
                for (var step = 0; step < 10; step++) await world.PointAsync(SchedulingPoint.MmStep);
                isDone = true;
            });
            Assert.Equal(ScheduleOutcome.Completed, world.Run(10_000).Outcome);
        }
    }

    private static ScheduleResult Contend(ISchedulingStrategy strategy, int tasks, int rounds)
    {
        var world = new VirtualWorld(strategy);
        var mutex = new KernelMutex(new LockDomain(world), LockClasses.SlotsLock, "vm");
        var ids = new OperationIds(0);
        for (var task = 0; task < tasks; task++)
            world.Spawn($"task {task}", async () =>
            {
                for (var round = 0; round < rounds; round++)
                {
                    var op = new Operation(ids.Next(), OperationKind.Audit);
                    await mutex.AcquireAsync(op);
                    await world.PointAsync(SchedulingPoint.MmStep);
                    mutex.Release(op);
                }
            });
        return world.Run(1_000_000);
    }
}
