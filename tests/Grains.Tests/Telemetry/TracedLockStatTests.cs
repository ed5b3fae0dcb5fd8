using System.Collections.Concurrent;
using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Tests.Actors;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;

namespace Livebed.Grains.Tests.Telemetry;

/// <summary>A real cluster in which every wait for a lock becomes a span: the spans add up to the lock table, row by row.</summary>
[Collection(TracingCollection.Name)]
public sealed class TracedLockStatTests
{
    private const int RoundsMax = 200;

    /// <summary>No operation is drawn, so each wait is a trace of its own and no trace's budget is in the way.</summary>
    private const double NothingDrawn = 1e-12;

    private static readonly HostEventKind[] _kinds = [HostEventKind.PageMigration, HostEventKind.DontNeed, HostEventKind.Fork];

    [Fact]
    public async Task The_waits_of_all_spans_of_a_cluster_are_the_totals_of_its_lock_table()
    {
        var spans = new ConcurrentQueue<Activity>();
        await using var bed = await ActorBed.StartAsync(
            PlacementMode.Spread, silos: 2, thresholds: new() { LockWaitMicroseconds = 0, PromotedPerSecond = int.MaxValue });
        using var listener = new SpanListener(new SpanOrigin("test", "test"), new RootSampler(NothingDrawn), (span, _) =>
        {
            if (span.OperationName == SpanNames.LockWait) spans.Enqueue(span);
        });
        var vm = await bed.RunAsync(new VmPlan(Vcpus: 4));
        for (var round = 0; round < RoundsMax && spans.DistinctBy(Row).Count() < 3; round++)
            await Task.WhenAll(_kinds.Concat(_kinds).Select(kind => vm.HostEventAsync(kind, new HvaRange(vm.Ram.Start, 16))));
        ActorReport[] reports = [.. await vm.DestroyAsync(), await vm.Host.InspectAsync()];

        var locks = reports.SelectMany(report => report.Locks).GroupBy(row => (row.Class, row.Mode)).ToDictionary(
            rows => rows.Key, rows => rows.Select(row => row.Statistics).ToList());
        var waits = spans.ToLookup(Row, span => (long)span.Duration.TotalMicroseconds);
        Assert.True(waits.Count >= 3, $"waits for {waits.Count} kinds of locks");
        Assert.Empty(waits.Select(row => row.Key).Except(locks.Keys));
        foreach (var (row, statistics) in locks)
        {
            Assert.True(
                (statistics.Sum(one => one.Contentions), statistics.Sum(one => one.WaitTotal)) == (waits[row].Count(), waits[row].Sum()),
                $"{row}: {statistics.Sum(one => one.Contentions)} contentions of {statistics.Sum(one => one.WaitTotal)} us, "
                    + $"{waits[row].Count()} spans of {waits[row].Sum()} us");
            Assert.All(statistics, one => Assert.InRange(one.Contentions, 0, one.Acquisitions));
            Assert.All(statistics, one => Assert.True(one.WaitMin <= one.WaitAvg && one.WaitAvg <= one.WaitMax, $"{row}"));
            Assert.All(statistics, one => Assert.True(one.HoldMin <= one.HoldAvg && one.HoldAvg <= one.HoldMax, $"{row}"));
            if (waits[row].Any()) Assert.Equal(statistics.Max(one => one.WaitMax), waits[row].Max());
        }
    }

    private static (string Class, LockMode Mode) Row(Activity span) => (
        (string)span.GetTagItem(AttributeNames.LockClass)!,
        (string)span.GetTagItem(AttributeNames.LockMode)! == "read" ? LockMode.Read : LockMode.Write);
}
