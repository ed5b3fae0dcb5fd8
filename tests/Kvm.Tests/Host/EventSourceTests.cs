using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

public class EventSourceTests
{
    /// <summary>Every source that sends ranges over four written pages, and what its subscribers hear.</summary>
    public static TheoryData<OperationKind, string[]> Sources() => new()
    {
        { OperationKind.Unmap, ["start 100+4 Unmap", "end 100+4 Unmap"] },
        { OperationKind.DontNeed, ["start 100+4 Clear", "end 100+4 Clear"] },
        { OperationKind.OomReap, ["start 100+4 Clear", "end 100+4 Clear"] },
        { OperationKind.Fork, ["start 100+4 ProtectionPage", "end 100+4 ProtectionPage"] },
        { OperationKind.NumaBalancing, ["start 100+4 ProtectionVma", "end 100+4 ProtectionVma"] },
        {
            OperationKind.Mprotect,
            ["start 100+4 ProtectionVma", "end 100+4 ProtectionVma", "start 100+4 ProtectionVma", "end 100+4 ProtectionVma"]
        },
        { OperationKind.Reclaim, PageByPage },
        { OperationKind.PageMigration, PageByPage },
        { OperationKind.NestedRange, ["start 100+4 ProtectionVma", "start 100+1 Clear", "end 100+1 Clear", "end 100+4 ProtectionVma"] },
        { OperationKind.HeldRange, ["start 100+4 Clear", "end 100+4 Clear"] },
        { OperationKind.ClearSoftDirty, ["start 0+776 SoftDirty", "end 0+776 SoftDirty"] },
    };

    private static string[] PageByPage =>
        [.. Enumerable.Range(0x100, 4).SelectMany(page => new[] { $"start {page:x}+1 Clear", $"end {page:x}+1 Clear" })];

    [Theory]
    [MemberData(nameof(Sources))]
    public void A_source_sends_its_ranges_in_order_and_changes_ptes_only_between_start_and_end(OperationKind kind, string[] expected) =>
        Run(async (rig, vm) =>
    {
        for (var page = 0; page < 4; page++) await rig.WriteAsync(HostRig.Ram + page, 1);
        var before = Ptes(rig);
        vm.OnStart = range =>
        {
            if (vm.Starts.Count == 0) Assert.Equal(before, Ptes(rig));
        };

        var started = rig.World.NowMicroseconds;
        var result = await rig.RunAsync(kind, HostRig.Ram, 4, hold: 50);

        Assert.Equal(new HostEventResult(HostEventStatus.Done, kind == OperationKind.NestedRange ? 1 + 3 : 4), result);
        Assert.Equal(expected, vm.Log);
        Assert.Equal(vm.Starts.OrderBy(range => range.RangeId), vm.Ends.OrderBy(range => range.RangeId));
        Assert.Equal(vm.Starts.Count, vm.Starts.Select(range => range.RangeId).Distinct().Count());
        Assert.Equal(kind != OperationKind.OomReap, vm.Starts.TrueForAll(range => range.Blockable));
        Assert.NotEqual(before, Ptes(rig));
        Assert.Equal(50 * vm.Starts.Count, rig.World.NowMicroseconds - started);
        Assert.Equal(0, rig.Host.Usage.OpenRanges);
        Assert.Equal(0, rig.Host.Usage.Operations);
    });

    [Fact]
    public void Every_pte_change_outside_of_a_range_is_reported() => Run(expectViolations: true, async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 1);
        var vma = rig.Mm.Find(HostRig.Ram)!;
        var pte = vma.PteAt(HostRig.Ram);
        var op = rig.Op();
        await rig.Mm.PageTableLock.AcquireAsync(op);
        rig.Mm.SetPte(op, vma, HostRig.Ram, pte);
        Assert.Empty(rig.Violations);
        foreach (var worse in new[] { pte.AsReadOnly(), pte.AsProtNone(), Pte.Map(new Pfn(0), writable: true), Pte.None })
        {
            rig.Mm.SetPte(op, vma, HostRig.Ram, worse);
            rig.Mm.SetPte(op, vma, HostRig.Ram, Pte.None);
            rig.Mm.SetPte(op, vma, HostRig.Ram, pte);
        }

        rig.Mm.PageTableLock.Release(op);

        // The step back to none is another one, except from none itself. The zero frame is shared, so nothing may write to it.
        Assert.Equal(7, rig.Violations.Count(invariant => invariant == Invariants.NotifierCompleteness));
        Assert.Equal(Invariants.SharedPage, Assert.Single(rig.Violations, invariant => invariant != Invariants.NotifierCompleteness));
    });

    [Fact]
    public void Frames_of_a_zapped_range_may_be_free_before_its_end() => Run(async (rig, vm) =>
    {
        await rig.WriteAsync(HostRig.Ram, 1);
        var inUseAtEnd = -1;
        vm.OnEnd = _ => inUseAtEnd = rig.Host.Usage.Frames;
        await rig.RunAsync(OperationKind.DontNeed, HostRig.Ram, 1);
        Assert.Equal(0, inUseAtEnd);
    });

    public static TheoryData<OperationKind> Discarding =>
        [.. HostEvents.All.Where(entry => entry.Discards).Select(entry => entry.Kind)];

    [Fact]
    public void Every_host_event_is_in_the_list_once_and_its_ranges_are_known()
    {
        var kinds = HostEvents.All.Select(entry => entry.Kind).ToList();
        Assert.Equal(Enum.GetValues<OperationKind>().Where(OperationKinds.IsHostEvent), kinds.Order());
        OperationKind[] others = [OperationKind.KsmScan, OperationKind.Ageing, OperationKind.Spurious];
        Assert.Equal(kinds.Except(others).Order(), Sources().Select(row => (OperationKind)row[0]).Order());
    }

    [Theory]
    [MemberData(nameof(Discarding))]
    public void A_zapped_page_reads_as_zero_also_when_it_was_in_swap(OperationKind kind) => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        await rig.WriteAsync(HostRig.Ram + 1, 8);
        await rig.RunAsync(OperationKind.Reclaim, HostRig.Ram, 1);
        await rig.RunAsync(kind, HostRig.Ram, 2);
        Assert.Equal((0, 0), (rig.Host.Usage.Frames, rig.Host.Usage.SwapSlots));
        await rig.ReadAsync(HostRig.Ram);
        await rig.ReadAsync(HostRig.Ram + 1);
    });

    [Fact]
    public void Ageing_asks_by_turns_and_opens_no_range() => Run(async (rig, vm) =>
    {
        await rig.WriteAsync(HostRig.Ram, 1);
        for (var i = 0; i < 3; i++)
            Assert.Equal(new HostEventResult(HostEventStatus.Done, 1), await rig.RunAsync(OperationKind.Ageing, HostRig.Ram, 4));
        Assert.Equal(["clear_flush_young 100+1", "clear_young 100+1", "test_young 100+1"], vm.Log);
        Assert.Equal(0, rig.Host.Counters.NotifierRanges);
    });

    [Fact]
    public void Spurious_events_stay_in_scratch_memory_and_are_counted() => Run(async (rig, vm) =>
    {
        await rig.RunAsync(OperationKind.Spurious, HostRig.Ram, 4);
        await rig.RunAsync(OperationKind.Spurious, HostRig.Scratch + 2, 3);
        Assert.Equal(["start 300+8 Clear", "end 300+8 Clear", "start 302+3 ProtectionVma", "end 302+3 ProtectionVma"], vm.Log);
        Assert.Equal((2, 2), (rig.Host.Counters.NotifierRanges, rig.Host.Counters.SpuriousRanges));
    });

    [Fact]
    public void Migration_and_reclaim_leave_a_page_alone_that_somebody_holds() => Run(async (rig, _) =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        var held = await rig.Host.Process(0).FaultInAsync(rig.Op(), HostRig.Ram, write: true);

        Assert.Equal(HostEventStatus.Busy, (await rig.RunAsync(OperationKind.Reclaim, HostRig.Ram, 1)).Status);
        Assert.Equal(HostEventStatus.Busy, (await rig.RunAsync(OperationKind.PageMigration, HostRig.Ram, 1)).Status);

        Assert.Equal(Pte.Map(pfn, writable: true), rig.PteAt(HostRig.Ram));
        Assert.Equal(1, rig.Host.Counters.PageMigrationsGivenUp);
        await rig.Host.Process(0).PutPageAsync(rig.Op(), held.Pfn);
        Assert.Equal(HostEventStatus.Done, (await rig.RunAsync(OperationKind.PageMigration, HostRig.Ram, 1)).Status);
        await rig.ReadAsync(HostRig.Ram);
        Assert.Equal(1, rig.Host.Usage.Frames);
    });

    [Fact]
    public void A_refused_reap_answers_busy_and_changes_nothing() => Run(async (rig, vm) =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        vm.Refuses = true;
        Assert.Equal(HostEventResult.Busy, await rig.RunAsync(OperationKind.OomReap, HostRig.Ram, 1));
        Assert.Equal(Pte.Map(pfn, writable: true), rig.PteAt(HostRig.Ram));
        Assert.Equal(1, rig.Host.Counters.RangesRefused);
        Assert.Empty(vm.Ends);
    });

    [Fact]
    public void The_reaper_does_not_wait_for_mmap_lock() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        var mprotect = rig.RunAsync(OperationKind.Mprotect, HostRig.Ram, 1, hold: 10).AsTask();
        Assert.Equal(HostEventResult.Busy, await rig.RunAsync(OperationKind.OomReap, HostRig.Ram, 1));
        await mprotect;
    });

    [Fact]
    public void A_held_range_is_a_live_operation_until_it_is_closed_and_can_be_closed_once() => Run(async (rig, vm) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        var op = rig.Op(OperationKind.HeldRange);
        var ev = new HostEvent(OperationKind.HeldRange, 0, new HvaRange(HostRig.Ram, 1));
        Assert.Equal(HostEventStatus.Done, (await rig.Host.OpenRangeAsync(op, ev)).Status);
        Assert.Equal(HostEventResult.Busy, await rig.Host.OpenRangeAsync(op, ev));
        Assert.Equal([op.Id], rig.Host.LiveOperations);
        Assert.Equal(1, rig.Host.Usage.OpenRanges);
        Assert.True(rig.PteAt(HostRig.Ram).IsPresent);

        // Another Operation object of the same identity, as after a journey over the network.
        var again = Operation.From(op.Context);
        Assert.Equal(new HostEventResult(HostEventStatus.Done, 1), await rig.Host.CloseRangeAsync(again));
        Assert.Equal(HostEventStatus.NothingToDo, (await rig.Host.CloseRangeAsync(again)).Status);

        Assert.True(rig.PteAt(HostRig.Ram).IsSwap);
        Assert.Equal(["start 100+1 Clear", "end 100+1 Clear"], vm.Log);
        Assert.Empty(rig.Host.LiveOperations);
    });

    [Fact]
    public void Figures_out_of_bounds_and_kinds_that_are_no_events_are_refused() => Run(async (rig, _) =>
    {
        var range = new HvaRange(HostRig.Ram, 1);
        foreach (var bad in new[]
        {
            new HostEvent(OperationKind.Fault, 0, range), new HostEvent(OperationKind.Unmap, 0, range, -1),
            new HostEvent(OperationKind.Unmap, 0, range, 1_000_001), new HostEvent(OperationKind.Fork, 0, range) { ChildMicroseconds = -1 },
            new HostEvent(OperationKind.Unmap, 0, new HvaRange(HostRig.Ram, HostEvent.PagesMax + 1)),
        })
            await Assert.ThrowsAnyAsync<ArgumentException>(async () => await rig.Host.RunEventAsync(rig.Op(), bad));
        Assert.Empty(rig.Host.LiveOperations);
    });

    private static Pte[] Ptes(HostRig rig) => [.. Enumerable.Range(0, 4).Select(page => rig.PteAt(HostRig.Ram + page))];

    private static void Run(Func<HostRig, RecordingSubscriber, Task> body) => Run(expectViolations: false, body);

    private static void Run(bool expectViolations, Func<HostRig, RecordingSubscriber, Task> body)
    {
        var world = new TestWorld();
        var rig = new HostRig(world);
        var vm = new RecordingSubscriber();
        world.Run(async () =>
        {
            await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm);
            await body(rig, vm);
        });
        if (!expectViolations) Assert.Empty(rig.Violations);
        Assert.Equal(0, rig.Host.Usage.FolioLocks);
    }
}
