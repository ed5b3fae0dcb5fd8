using CsCheck;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Tests.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>Over random schedules the locks do what the plain reference does, and never lose a waiter.</summary>
public sealed class KernelLockPropertyTests
{
    private const int MaxOps = 12;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_semaphore_grants_counts_and_times_as_the_reference_does(bool fair)
    {
        var step = Gen.Select(Gen.Int[0, MaxOps - 1], Gen.Int[0, 2], Gen.Int[0, 20]);
        step.Array[0, 80].Sample(
            steps =>
            {
                var run = new Run(fair);
                foreach (var (op, write, ticks) in steps) run.Step(op, write == 0 ? LockMode.Write : LockMode.Read, ticks);
                run.Drain();
            },
            iter: 300);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Under_any_order_of_continuations_holders_exclude_each_other_and_everybody_finishes(bool fair) =>
        Gen.Select(Gen.ULong, Gen.Int[1, 8], Gen.Int[1, 6]).Sample(
            (seed, tasks, rounds) =>
            {
                var random = new SeededRandom(seed);
                var world = new TestWorld(new TestScheduler(random), yieldAtPoints: true);
                var domain = new LockDomain(world);
                var rwsem = new RwSemaphore(
                    domain, fair ? LockClasses.NotifierSlotsLock : LockClasses.NotifierSlotsLockUnfair, "vm-1", fair);
                var inside = new Inside();
                var all = Enumerable.Range(0, tasks)
                    .Select(_ => world.Scheduler.Start(() => VisitAsync(world, rwsem, random, inside, rounds))).ToList();
                world.Scheduler.Pump();
                Assert.All(all, task => Assert.True(task.IsCompletedSuccessfully));
                Assert.Equal((long)tasks * rounds, domain.Statistics.Sum(entry => entry.Statistics.Acquisitions));
                Assert.Equal((long)tasks * rounds, domain.Statistics.Sum(entry => entry.Statistics.Holds));
                Assert.Equal(domain.Statistics.Sum(entry => entry.Statistics.Contentions), world.LockWaits.Count);
                Assert.False(rwsem.IsHeld || rwsem.IsContended);
            },
            iter: 200);

    private static async Task VisitAsync(TestWorld world, RwSemaphore rwsem, SeededRandom random, Inside inside, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            var op = world.NewOperation();
            var write = random.Next(3) == 0;
            await (write ? rwsem.DownWriteAsync(op) : rwsem.DownReadAsync(op));
            if (write) inside.Writers++;
            else inside.Readers++;
            world.NowMicroseconds += random.Next(5);
            await world.Scheduler.YieldAsync();
            Assert.True(inside is { Writers: 0 } or { Writers: 1, Readers: 0 });
            if (write) inside.Writers--;
            else inside.Readers--;
            if (write) rwsem.UpWrite(op);
            else rwsem.UpRead(op);
        }
    }

    private sealed class Inside
    {
        public int Readers { get; set; }
        public int Writers { get; set; }
    }

    /// <summary>The lock and its reference side by side. An operation that is idle asks, one that is inside leaves, one that waits waits
    /// on.</summary>
    private sealed class Run
    {
        private readonly LockTestBed _bed = new();
        private readonly RwSemaphore _rwsem;
        private readonly ReferenceLock _reference;
        private readonly Operation[] _ops;
        private readonly Task?[] _waits = new Task?[MaxOps];
        private readonly LockMode[] _modes = new LockMode[MaxOps];
        private readonly List<int> _resumed = [];

        public Run(bool fair)
        {
            _rwsem = _bed.Rwsem(fair);
            _reference = new ReferenceLock(fair);
            _ops = [.. Enumerable.Range(0, MaxOps).Select(_ => _bed.Op())];
        }

        public void Step(int op, LockMode mode, int ticks)
        {
            _bed.World.NowMicroseconds += ticks;
            if (_waits[op] is null) Request(op, mode);
            else if (_waits[op]!.IsCompleted) Release(op);
            Compare();
        }

        public void Drain()
        {
            while (_reference.Holders.Count > 0)
            {
                Release(_reference.Holders[0].Op);
                Compare();
            }

            Assert.Empty(_reference.Queue);
            Assert.All(_waits, Assert.Null);
        }

        private void Request(int op, LockMode mode)
        {
            _modes[op] = mode;
            _waits[op] = _bed.Scheduler.Start(async Task () =>
            {
                await (mode == LockMode.Read ? _rwsem.DownReadAsync(_ops[op]) : _rwsem.DownWriteAsync(_ops[op]));
                _resumed.Add(op);
            });
            _reference.Request(op, mode, _bed.World.NowMicroseconds);
        }

        private void Release(int op)
        {
            if (_modes[op] == LockMode.Read) _rwsem.UpRead(_ops[op]);
            else _rwsem.UpWrite(_ops[op]);
            _waits[op] = null;
            _reference.Release(op, _bed.World.NowMicroseconds);
        }

        private void Compare()
        {
            _bed.Pump();
            Assert.Equal(_reference.GrantOrder, _resumed);
            for (var op = 0; op < MaxOps; op++)
            {
                var holds = _reference.Holders.Any(holder => holder.Op == op);
                Assert.Equal(holds, _waits[op] is { IsCompletedSuccessfully: true });
                Assert.Equal(holds, _rwsem.IsHeldBy(_ops[op].Id));
                Assert.Equal(holds, !_ops[op].Held.IsEmpty);
            }

            Assert.Equal(_reference.Queue.Select(waiter => _ops[waiter.Op].Id), _bed.Domain.Waits().Select(wait => wait.Waiter));
            foreach (var mode in (LockMode[])[LockMode.Read, LockMode.Write])
                AssertSame(_reference.Statistics[mode], _bed.Domain.StatisticsOf(_rwsem.Class, mode));
        }

        private static void AssertSame(LockStatistics want, LockStatistics got)
        {
            Assert.Equal((want.Acquisitions, want.Contentions, want.Holds), (got.Acquisitions, got.Contentions, got.Holds));
            Assert.Equal((want.WaitMin, want.WaitMax, want.WaitTotal), (got.WaitMin, got.WaitMax, got.WaitTotal));
            Assert.Equal((want.HoldMin, want.HoldMax, want.HoldTotal), (got.HoldMin, got.HoldMax, got.HoldTotal));
        }
    }
}
