using System.Globalization;
using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Tests.Locks;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>What actors tell the driver: counters that grow, news that is told once, and a lock order that docs/locking.md
/// allows.</summary>
[Collection(ActorCollection.Name)]
public sealed class ReportTests(ActorCollection.Clusters clusters)
{
    [Fact]
    public async Task Counters_never_shrink_and_each_operation_of_the_driver_has_a_beginning_and_an_end_in_the_history()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.RunAsync();
        var history = new List<(string Actor, HistoryEntry Entry)>();
        void Take(IEnumerable<ActorReport> reports) =>
            history.AddRange(reports.SelectMany(report => report.History.Select(entry => (report.Actor, entry))));
        var before = await vm.InspectAsync();
        Take(before);
        await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.RamGfn, 1);
        await vm.HostEventAsync(HostEventKind.DontNeed, vm.Ram);
        Take(await vm.InspectAsync());
        await vm.RunsOnAsync();
        var after = await vm.InspectAsync();
        foreach (var (old, now) in before.Zip(after))
            foreach (var ((name, value), (_, later)) in Values(old.Counters).Zip(Values(now.Counters)))
                if (!name.StartsWith("Usage.", StringComparison.Ordinal) && name != "Vcpu.BehindMicroseconds")
                    Assert.True(later >= value, $"{now.Actor} {name} fell from {value} to {later}");
        Assert.All(after, report => Assert.True(report.Running is { RanMicroseconds: > 0, ElapsedMicroseconds: > 0 }, report.ToString()));
        Take(after);
        Take(await vm.DestroyAsync());
        Take([await vm.Host.InspectAsync()]);

        Assert.Equal(
            ["memslot-create invoke", "memslot-create ok", "memslot-create invoke", "memslot-create fail", "vm-destroy invoke",
                "vm-destroy ok"],
            history.Where(entry => entry.Actor == vm.Key).Select(entry => $"{entry.Entry.Operation} {entry.Entry.Type}"));
        Assert.Equal(
            ["dont-need invoke", "dont-need ok"],
            history.Where(entry => entry.Actor == vm.HostKey).Select(entry => $"{entry.Entry.Operation} {entry.Entry.Type}"));
    }

    [Fact]
    public void News_is_handed_over_once()
    {
        var journal = new ActorJournal(ASilo.New(), "vm-0.0@host-0");
        journal.Observer.Violated(new Violation("S1", "a stale translation was used"));
        var first = Report(journal);
        Assert.Equal("S1", Assert.Single(first.Violations).Invariant);
        Assert.Empty(Report(journal).Violations);
        journal.Observer.Violated(new Violation("S2", "another"));
        Assert.Equal("S2", Assert.Single(Report(journal).Violations).Invariant);
    }

    [Fact]
    public async Task A_command_that_throws_ends_as_info_in_the_history_and_is_the_beds_failure()
    {
        var journal = new ActorJournal(ASilo.New(), "vm-0.0@host-0");
        var op = new Operation(new OperationId(7), OperationKind.Audit);
        await Assert.ThrowsAsync<InvalidOperationException>(
            () => journal.RunAsync<int>(op, () => throw new InvalidOperationException("broken"), _ => ("ok", null)));
        var report = Report(journal);
        Assert.Equal(["invoke", "info"], report.History.Select(entry => entry.Type));
        Assert.Empty(report.LiveOperations);
        Assert.Contains("broken", report.Failure, StringComparison.Ordinal);
        Assert.Empty(Report(journal).History);
    }

    [Theory]
    [InlineData("unconditional")]
    [InlineData("rwsem")]
    [InlineData("active-count")]
    [InlineData("gfn-range")]
    public async Task The_lock_order_of_a_real_run_is_that_of_the_document(string protocol)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap, protocol, RepeatedPercent: 50));
        var graph = new LockOrderGraph();
        void Take(IEnumerable<ActorReport> reports)
        {
            foreach (var edge in reports.SelectMany(report => report.LockOrder)) edge.MergeInto(graph);
        }

        await vm.DirtyLogAsync(DirtyLogStep.Enable);
        await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        foreach (var kind in (HostEventKind[])
            [
                HostEventKind.KsmScan, HostEventKind.DontNeed, HostEventKind.PageMigration, HostEventKind.Fork, HostEventKind.Reclaim,
                HostEventKind.Mprotect,
                HostEventKind.NumaBalancing, HostEventKind.Ageing, HostEventKind.OomReap, HostEventKind.KsmScan,
            ])
        {
            await Task.WhenAll(
                vm.HostEventAsync(kind, vm.Ram), vm.DirtyLogAsync(DirtyLogStep.Round),
                vm.SetHotplugAsync(OperationKind.MemslotMove, VmLayout.HotplugGfnMoved, VmPlan.HotplugPages),
                vm.HostEventAsync(HostEventKind.Unmap, new HvaRange(VmLayout.HotplugHva, 8)));
            await vm.SetHotplugAsync(OperationKind.MemslotMove, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        }

        await vm.DirtyLogAsync(DirtyLogStep.Verify);
        Take(await vm.InspectAsync());
        Take(await vm.DestroyAsync(TeardownOrder.VmFirstShared));
        Take([await vm.Host.InspectAsync()]);

        var document = LockOrderDocument.Read();
        Assert.True(graph.Edges.Count > 5, "a run of everything takes locks inside of locks");
        Assert.All(
            graph.Edges,
            edge => Assert.True(document.Allows(edge.Key), $"docs/locking.md has no {edge.Key.Held} > {edge.Key.Asked}: {edge.Value}"));
    }

    [Fact]
    public async Task Figures_begin_anew_when_they_are_told_to_and_go_on_from_there()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.RunAsync();
        for (var i = 0; i < 2; i++) await vm.HostEventAsync(HostEventKind.DontNeed, vm.Ram);
        var from = TimeProvider.System.MonotonicMicroseconds();
        var before = (await vm.Grain.InspectAsync(settled: false, from))[0];
        await vm.HostEventAsync(HostEventKind.DontNeed, vm.Ram);
        var after = (await vm.Grain.InspectAsync(settled: false, from))[0];

        Assert.True(before.MeasuredSince < from && after.MeasuredSince >= from);
        Assert.True(before.Counters.Vm!.NotifierRanges > 1);
        Assert.Equal(1, after.Counters.Vm!.NotifierRanges);
        Assert.True(after.Progress > before.Progress);
        Assert.Contains(before.Locks, row => row.Class == "slots_lock");
        Assert.DoesNotContain(after.Locks, row => row.Class == "slots_lock");
    }

    private static ActorReport Report(ActorJournal journal) => journal.Report(new ActorCounters(), [], [], []);

    private static IEnumerable<(string Name, long Value)> Values(ActorCounters counters) =>
        from part in typeof(ActorCounters).GetProperties()
        let counted = part.GetValue(counters)
        where counted is not (null or long)
        from property in counted.GetType().GetProperties()
        where property.PropertyType == typeof(long) || property.PropertyType == typeof(int)
        select ($"{part.Name}.{property.Name}", Convert.ToInt64(property.GetValue(counted), CultureInfo.InvariantCulture));
}
