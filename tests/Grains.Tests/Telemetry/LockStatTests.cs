using System.Diagnostics;
using Livebed.Grains.Actors;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Hosting;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>With every wait traced, the spans add up to the lock table.</summary>
[Collection(TracingCollection.Name)]
public sealed class LockStatTests
{
    [Fact]
    public async Task The_waits_of_all_spans_are_the_lock_tables_total_and_a_planted_hold_is_its_longest_hold_and_its_victims_wait()
    {
        var spans = new List<Activity>();
        using var listener = new SpanListener(new SpanOrigin("test", "test"), new RootSampler(1), (span, _) => spans.Add(span));
        var time = new SteppedTime();
        var silo = new SiloTelemetry("silo-0", new TelemetryThresholds { LockWaitMicroseconds = 0, PromotedPerSecond = 1_000 }, time);
        var world = new ClusterWorld(silo.Observe("vm-0.0@host-0", _ => { }), time, preemptionShare: 0);
        var domain = new LockDomain(world);
        var mutex = new KernelMutex(domain, LockClasses.MmapLock, "mm-1");
        var (holder, first, second) = (Op(1), Op(2), Op(3));

        await mutex.AcquireAsync(holder);
        var waiting = new[] { mutex.AcquireAsync(first).AsTask(), mutex.AcquireAsync(second).AsTask() };
        time.Advance(50_000);
        mutex.Release(holder);
        await waiting[0];
        time.Advance(3);
        mutex.Release(first);
        await waiting[1];
        mutex.Release(second);

        var row = domain.StatisticsOf(LockClasses.MmapLock, LockMode.Write);
        var waits = spans.Where(span => span.OperationName == SpanNames.LockWait).ToList();
        Assert.Equal((3, 2), (row.Acquisitions, row.Contentions));
        Assert.Equal(row.Contentions, waits.Count);
        Assert.Equal(row.WaitTotal, waits.Sum(span => (long)span.Duration.TotalMicroseconds));
        Assert.Equal((50_000, 50_003, 50_000), (row.WaitMin, row.WaitMax, row.HoldMax));

        // Both waited for the one hold, though the second got the lock from the first.
        var hold = Assert.Single(spans, span => span.OperationName == SpanNames.LockHold);
        Assert.Equal(50_000, hold.Duration.TotalMicroseconds);
        Assert.All(waits, wait => Assert.Equal(hold.SpanId, Assert.Single(wait.Links).Context.SpanId));
        Assert.Equal(["op 0.1", "op 0.1"], waits.Select(wait => (string)wait.GetTagItem(AttributeNames.LockHolder)!));
        Assert.Equal([0, 1], waits.Select(wait => (int)wait.GetTagItem(AttributeNames.LockAhead)!));
        Assert.Equal([1, 0], waits.Select(wait => (int)wait.GetTagItem(AttributeNames.LockBehind)!));
    }

    /// <summary>A writer that waits for a reader: the wait is a write, the hold a read.</summary>
    [Fact]
    public async Task A_holds_mode_is_that_of_the_holder()
    {
        var spans = new List<Activity>();
        using var listener = new SpanListener(new SpanOrigin("test", "test"), new RootSampler(1), (span, _) => spans.Add(span));
        var time = new SteppedTime();
        var silo = new SiloTelemetry("silo-0", new TelemetryThresholds { LockWaitMicroseconds = 0, PromotedPerSecond = 1_000 }, time);
        var world = new ClusterWorld(silo.Observe("vm-0.0@host-0", _ => { }), time, preemptionShare: 0);
        var semaphore = new RwSemaphore(new LockDomain(world), LockClasses.MmapLock, "mm-1");
        await semaphore.DownReadAsync(Op(1));
        var writing = semaphore.DownWriteAsync(Op(2)).AsTask();
        time.Advance(10);
        semaphore.UpRead(Op(1));
        await writing;
        Assert.Equal("write", Assert.Single(spans, span => span.OperationName == SpanNames.LockWait).GetTagItem(AttributeNames.LockMode));
        Assert.Equal("read", Assert.Single(spans, span => span.OperationName == SpanNames.LockHold).GetTagItem(AttributeNames.LockMode));
    }

    [Fact]
    public void Of_operations_only_those_slower_than_99_of_100_are_in_the_tail_and_five_a_second_at_most()
    {
        var tail = new SlowTail(new SteppedTime());
        for (var i = 0; i < 1_000; i++) Assert.False(tail.Holds(OperationKind.Fault, 50));
        Assert.Equal(5, Enumerable.Range(0, 10).Count(_ => tail.Holds(OperationKind.Fault, 10_000)));
        Assert.False(tail.Holds(OperationKind.Audit, 10_000));
    }

    [Fact]
    public void Of_a_kind_that_is_rare_one_that_is_slower_than_all_before_it_is_in_the_tail()
    {
        var tail = new SlowTail(new SteppedTime());
        for (var i = 0; i < 20; i++) Assert.False(tail.Holds(OperationKind.Audit, 50 + i));
        Assert.False(tail.Holds(OperationKind.Audit, 69));
        Assert.True(tail.Holds(OperationKind.Audit, 70));
        Assert.False(tail.Holds(OperationKind.Audit, 70));
    }

    private static Operation Op(long count) => new(new OperationId(count), OperationKind.MemslotMove);
}
