using Livebed.Explorer.Pricing;
using Livebed.Explorer.Pricing.Scenarios;
using Livebed.Explorer.Pricing.Worlds;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;
using Xunit.Abstractions;

namespace Livebed.Explorer.Tests.Pricing;

/// <summary>The priced world against what theory says of it.</summary>
public sealed class TheoryTests(ITestOutputHelper output)
{
    private static readonly PriceList _free = PriceList.Uniform(0);

    /// <summary>Open arrivals at random, one server, a service that always takes the same: the mean wait is rho / (2 (1 - rho))
    /// services.</summary>
    [Theory]
    [InlineData(0.3)]
    [InlineData(0.6)]
    public void A_lock_with_random_arrivals_is_the_queue_M_D_1(double load)
    {
        const long Service = 10_000;
        const int Arrivals = 60_000;
        var world = new PricedWorld(_free, 256);
        var locked = new KernelMutex(new LockDomain(world), LockClasses.MnInvalidateLock, "server");
        var (random, ids, waited) = (new SeededRandom(7), new OperationIds(0), 0L);
        world.Start("arrivals", async () =>
        {
            for (var i = 0; i < Arrivals; i++)
            {
                await world.PauseAsync((long)(-Math.Log(1 - random.NextDouble()) * Service / load));
                world.Start($"{i}", async () =>
                {
                    var (op, since) = (new Operation(ids.Next(), OperationKind.None), world.Now);
                    await locked.AcquireAsync(op);
                    waited += world.Now - since;
                    await world.WorkAsync(Service);
                    locked.Release(op);
                });
            }
        });
        world.Run(long.MaxValue / 4);
        Assert.True(world.IsOver);
        var (measured, theory) = ((double)waited / Arrivals / Service, load / (2 * (1 - load)));
        output.WriteLine($"mean wait {measured:f4} services, theory {theory:f4}");
        Assert.InRange(measured / theory, 0.98, 1.02);
    }

    /// <summary>Each entry and each exit moves the lock's line: from then on readers take turns, however many there are.</summary>
    [Fact]
    public void Readers_of_a_rwlock_scale_until_the_rate_at_which_its_line_moves()
    {
        const long Line = 50;
        const long Inside = 5_000;
        var prices = _free.With((Price.AtomicOwn, Line), (Price.AtomicNear, Line));
        var rates = new List<double>();
        foreach (var readers in (int[])[1, 2, 4, 8, 64, 128, 256])
        {
            var world = new PricedWorld(prices, readers);
            var locked = new MmuLock(new LockDomain(world), "vm", spin: false);
            var (ids, sections) = (new OperationIds(0), 0L);
            for (var reader = 0; reader < readers; reader++)
                world.Start($"{reader}", async () =>
                {
                    var op = new Operation(ids.Next(), OperationKind.None);
                    while (true)
                    {
                        await locked.ReadLockAsync(op);
                        await world.WorkAsync(Inside);
                        locked.ReadUnlock(op);
                        sections++;
                    }
                }, reader);
            world.Run(2_000_000);
            rates.Add(sections / (world.Now / 1e9));
            output.WriteLine($"{readers} readers: {rates[^1]:n0} sections/s");
        }

        var (alone, most) = (1e9 / (Inside + 2 * Line), 1e9 / (2 * Line));
        for (var i = 0; i < 4; i++) Assert.InRange(rates[i] / (alone * (1 << i)), 0.98, 1.02);
        Assert.All(rates[4..], rate => Assert.InRange(rate / most, 0.97, 1.01));
    }

    /// <summary>A writer waits for the readers that are inside, and new readers wait for it: in each round of the writer a reader loses
    /// what is left of the others' sections and the writer's own.</summary>
    [Fact]
    public void A_fair_rwlock_with_one_writer_stalls_its_readers_as_its_rule_says()
    {
        const long Read = 1_000;
        const long Write = 4_000;
        const long Pause = 50_000;
        var world = new PricedWorld(_free, 33);
        var locked = new MmuLock(new LockDomain(world), "vm", spin: false);
        var (ids, sections, rounds) = (new OperationIds(0), 0L, 0L);
        for (var reader = 0; reader < 32; reader++)
            world.Start($"{reader}", async () =>
            {
                var op = new Operation(ids.Next(), OperationKind.None);
                while (true)
                {
                    await locked.ReadLockAsync(op);
                    await world.WorkAsync(Read);
                    locked.ReadUnlock(op);
                    sections++;
                }
            }, reader * 31);
        world.Start("writer", async () =>
        {
            var op = new Operation(ids.Next(), OperationKind.None);
            while (true)
            {
                await world.PauseAsync(Pause);
                await locked.WriteLockAsync(op);
                await world.WorkAsync(Write);
                locked.WriteUnlock(op);
                rounds++;
            }
        });
        world.Run(20_000_000);

        // Readers come out over one section after the writer has asked, the last at its end; then all begin at once. The first round
        // puts them in step, so from then on all come out together: at most one section after the writer has asked.
        var round = (double)world.Now / rounds;
        Assert.InRange(round, Pause + Write, Pause + Write + Read);
        var perReader = sections / 32.0 / rounds;
        Assert.InRange(perReader, (Pause - Read) / Read, (Pause + Read) / Read);
        Assert.True(world.Locks.Single(counts => counts.Mode == LockMode.Read).Contentions >= 31 * rounds);
    }

    public static TheoryData<string> Scenarios => new(PricedScenarios.All.Select(scenario => scenario.Name));

    /// <summary>Faults, notifications, changes of memory and memslot updates: how many are under way is their rate times their mean.
    /// What has begun and not ended when the run is over makes the difference.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public void Littles_law_holds_in_each_scenario(string name)
    {
        var scenario = PricedScenarios.Find(name)!;
        var values = new Dictionary<string, double> { ["ms"] = 20 };
        foreach (var (set, value) in ((string, double)[])[("vcpus", 8), ("rate", 100_000), ("sleep", 0), ("ram", 512), ("ranges", 16)])
            if (scenario.Parameters.Any(parameter => parameter.Name == set)) values[set] = value;
        var result = scenario.Play(new PricedSetup(ProtocolCatalog.Unconditional, SomePrices) { Values = values });
        Assert.Empty(result.Violations);
        Assert.NotEmpty(result.Flows);
        foreach (var flow in result.Flows)
        {
            // KVM unregisters while ranges are open: it is not called for their ends.
            if (name == "teardown" && flow.Name == PricedResult.Notification) continue;
            var product = (double)flow.Nanoseconds / result.Nanoseconds;
            output.WriteLine($"{flow.Name}: {flow.Count} ended, under way {flow.UnderWay:f5}, rate times latency {product:f5}");
            Assert.True(flow.Count >= 20);
            Assert.InRange(product / flow.UnderWay, 0.98, 1);
        }
    }

    /// <summary>Threads that only work share the CPUs: each has its part within two slices, waits for the rest, and is switched to once in
    /// a slice.</summary>
    [Theory]
    [InlineData(2, 1)]
    [InlineData(5, 2)]
    [InlineData(32, 8)]
    public void Threads_that_are_more_than_the_CPUs_have_a_slice_each_by_turns(int threads, int cpus)
    {
        const long Slice = 1_000_000;
        const long Switch = 2_000;
        const long Time = 2_000_000_000;
        var world = new PricedWorld(_free.With((Price.TimeSlice, Slice), (Price.ContextSwitch, Switch)), cpus);
        for (var index = 0; index < threads; index++)
            world.Start($"{index}", async () =>
            {
                while (true) await world.WorkAsync(37_000);
            });
        world.Run(Time);
        var part = (double)Time * cpus / threads;
        Assert.All(world.Threads, thread =>
        {
            var (worked, switched) = (thread.Times[(int)Account.Work], thread.Times[(int)Account.Switch]);
            output.WriteLine($"{thread.Name}: {worked:n0} worked, {switched:n0} switched, {thread.Times[(int)Account.Queue]:n0} queued");
            Assert.InRange(worked + switched, part - 2 * Slice, part + 2 * Slice);
            Assert.InRange(thread.Times[(int)Account.Queue], Time - part - 2 * Slice, Time - part + 2 * Slice);
            Assert.InRange(switched / (double)Switch, part / Slice * 0.95, part / Slice * 1.05);
        });
    }

    /// <summary>Who holds a spin lock is not preempted; a spinner burns its CPU for as long.</summary>
    [Fact]
    public void A_spinner_keeps_its_CPU_and_the_holder_is_not_preempted()
    {
        const long Hold = 5_000_000;
        var world = new PricedWorld(_free.With((Price.TimeSlice, 1_000_000)), 2);
        var locked = new MmuLock(new LockDomain(world), "vm", spin: true);
        var ids = new OperationIds(0);
        PricedThread Holder(string name, long delay) => world.Start(name, async () =>
        {
            var op = new Operation(ids.Next(), OperationKind.None);
            await locked.WriteLockAsync(op);
            await world.WorkAsync(Hold);
            locked.WriteUnlock(op);
        }, delay);
        var (first, second) = (Holder("first", 0), Holder("second", 10));
        var third = world.Start("third", () => world.WorkAsync(1_000), 20);
        world.Run(1_000_000_000);
        Assert.True(world.IsOver);
        Assert.Equal(0, first.Times[(int)Account.Queue]);
        Assert.Equal(Hold - 10, second.Times[(int)Account.Spin]);
        Assert.Equal(Hold - 20, third.Times[(int)Account.Queue]);
    }

    [Fact]
    public void All_designs_cost_a_lone_notification_the_same_where_contention_costs_nothing()
    {
        var prices = SomePrices.With(
            (Price.AtomicOwn, 0), (Price.AtomicNear, 0), (Price.AtomicFar, 0), (Price.LockHandOver, 0));
        var costs = ProtocolCatalog.All.Select(protocol =>
            PricedScenarios.Find("uncontended")!.Play(new PricedSetup(protocol.Name, prices))[PricedResult.Notification]).ToList();
        Assert.All(costs, cost => Assert.Equal(costs[0], cost));
        Assert.True(costs[0] > 0);
    }

    private static PriceList SomePrices =>
        PriceList.Uniform(100).With((Price.AtomicOwn, 5), (Price.GuestAccess, 2), (Price.TimeSlice, 3_000_000));
}
