using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

public class EventSourceTests
{
    /// <summary>Every source that sends ranges over four written pages, and what its subscribers hear.</summary>
    public static TheoryData<string, string[]> Sources() => new()
    {
        { "unmap", ["start 100+4 Unmap", "end 100+4 Unmap"] },
        { "dont-need", ["start 100+4 Clear", "end 100+4 Clear"] },
        { "oom-reap", ["start 100+4 Clear", "end 100+4 Clear"] },
        { "fork", ["start 100+4 ProtectionPage", "end 100+4 ProtectionPage"] },
        { "numa-balancing", ["start 100+4 ProtectionVma", "end 100+4 ProtectionVma"] },
        {
            "mprotect",
            ["start 100+4 ProtectionVma", "end 100+4 ProtectionVma", "start 100+4 ProtectionVma", "end 100+4 ProtectionVma"]
        },
        { "reclaim", PageByPage },
        { "page-migration", PageByPage },
        { "nested-range", ["start 100+4 ProtectionVma", "start 100+1 Clear", "end 100+1 Clear", "end 100+4 ProtectionVma"] },
        { "held-range", ["start 100+4 Clear", "end 100+4 Clear"] },
        { "clear-soft-dirty", ["start 0+776 SoftDirty", "end 0+776 SoftDirty"] },
    };

    private static string[] PageByPage =>
        [.. Enumerable.Range(0x100, 4).SelectMany(page => new[] { $"start {page:x}+1 Clear", $"end {page:x}+1 Clear" })];

    [Theory]
    [MemberData(nameof(Sources))]
    public void A_source_sends_its_ranges_in_order_and_changes_ptes_only_between_start_and_end(string name, string[] expected) =>
        Run(async (rig, vm) =>
    {
        var kind = HostRig.Event(name);
        for (var page = 0; page < 4; page++) await rig.WriteAsync(HostRig.Ram + page, 1);
        var before = Ptes(rig);
        vm.OnStart = range =>
        {
            if (vm.Starts.Count == 0) Assert.Equal(before, Ptes(rig));
        };

        var started = rig.World.NowMicroseconds;
        var result = await rig.RunAsync(kind, HostRig.Ram, 4, hold: 50);

        Assert.Equal(new HostEventResult(HostEventStatus.Done, kind == HostEventKind.NestedRange ? 1 + 3 : 4), result);
        Assert.Equal(expected, vm.Log);
        Assert.Equal(vm.Starts.OrderBy(range => range.RangeId), vm.Ends.OrderBy(range => range.RangeId));
        Assert.Equal(vm.Starts.Count, vm.Starts.Select(range => range.RangeId).Distinct().Count());
        Assert.Equal(kind != HostEventKind.OomReap, vm.Starts.TrueForAll(range => range.Blockable));
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
        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1);
        Assert.Equal(0, inUseAtEnd);
    });

    public static TheoryData<string> Discarding =>
        [.. HostEventKind.Events.Where(kind => kind.Discards).Select(kind => kind.Name)];

    [Fact]
    public void The_ranges_of_every_host_event_are_known()
    {
        string[] others = ["ksm-scan", "ageing", "spurious"];
        Assert.Equal(
            HostEventKind.Events.Select(kind => kind.Name).Except(others).Order(), Sources().Select(row => (string)row[0]).Order());
    }

    [Theory]
    [MemberData(nameof(Discarding))]
    public void A_zapped_page_reads_as_zero_also_when_it_was_in_swap(string name) => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        await rig.WriteAsync(HostRig.Ram + 1, 8);
        await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1);
        await rig.RunAsync(HostRig.Event(name), HostRig.Ram, 2);
        Assert.Equal((0, 0), (rig.Host.Usage.Frames, rig.Host.Usage.SwapSlots));
        await rig.ReadAsync(HostRig.Ram);
        await rig.ReadAsync(HostRig.Ram + 1);
    });

    [Fact]
    public void Ageing_asks_by_turns_and_opens_no_range() => Run(async (rig, vm) =>
    {
        await rig.WriteAsync(HostRig.Ram, 1);
        for (var i = 0; i < 3; i++)
            Assert.Equal(new HostEventResult(HostEventStatus.Done, 1), await rig.RunAsync(HostEventKind.Ageing, HostRig.Ram, 4));
        Assert.Equal(["clear_flush_young 100+1", "clear_young 100+1", "test_young 100+1"], vm.Log);
        Assert.Equal(0, rig.Host.Counters.NotifierRanges);
    });

    [Fact]
    public void Spurious_events_stay_in_scratch_memory_and_are_counted() => Run(async (rig, vm) =>
    {
        await rig.RunAsync(HostEventKind.Spurious, HostRig.Ram, 4);
        await rig.RunAsync(HostEventKind.Spurious, HostRig.Scratch + 2, 3);
        Assert.Equal(["start 300+8 Clear", "end 300+8 Clear", "start 302+3 ProtectionVma", "end 302+3 ProtectionVma"], vm.Log);
        Assert.Equal((2, 2), (rig.Host.Counters.NotifierRanges, rig.Host.Counters.SpuriousRanges));
    });

    [Fact]
    public void Migration_and_reclaim_leave_a_page_alone_that_somebody_holds() => Run(async (rig, _) =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        var held = await rig.Host.Process(0).FaultInAsync(rig.Op(), HostRig.Ram, write: true);

        Assert.Equal(HostEventStatus.Busy, (await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1)).Status);
        Assert.Equal(HostEventStatus.Busy, (await rig.RunAsync(HostEventKind.PageMigration, HostRig.Ram, 1)).Status);

        Assert.Equal(Pte.Map(pfn, writable: true), rig.PteAt(HostRig.Ram));
        Assert.Equal(1, rig.Host.Counters.PageMigrationsGivenUp);
        await rig.Host.Process(0).PutPageAsync(rig.Op(), held.Pfn);
        Assert.Equal(HostEventStatus.Done, (await rig.RunAsync(HostEventKind.PageMigration, HostRig.Ram, 1)).Status);
        await rig.ReadAsync(HostRig.Ram);
        Assert.Equal(1, rig.Host.Usage.Frames);
    });

    [Fact]
    public void A_refused_reap_answers_busy_and_changes_nothing() => Run(async (rig, vm) =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        vm.Refuses = true;
        Assert.Equal(HostEventResult.Busy, await rig.RunAsync(HostEventKind.OomReap, HostRig.Ram, 1));
        Assert.Equal(Pte.Map(pfn, writable: true), rig.PteAt(HostRig.Ram));
        Assert.Equal(1, rig.Host.Counters.RangesRefused);
        Assert.Empty(vm.Ends);
    });

    [Fact]
    public void The_reaper_does_not_wait_for_mmap_lock() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        var mprotect = rig.RunAsync(HostEventKind.Mprotect, HostRig.Ram, 1, hold: 10).AsTask();
        Assert.Equal(HostEventResult.Busy, await rig.RunAsync(HostEventKind.OomReap, HostRig.Ram, 1));
        await mprotect;
    });

    [Fact]
    public void A_held_range_is_a_live_operation_until_it_is_closed_and_can_be_closed_once() => Run(async (rig, vm) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        var op = rig.Op(HostEventKind.HeldRange);
        var ev = new HostEvent(HostEventKind.HeldRange, 0, new HvaRange(HostRig.Ram, 1));
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
    public void Figures_out_of_bounds_are_refused() => Run(async (rig, _) =>
    {
        var range = new HvaRange(HostRig.Ram, 1);
        foreach (var bad in new[]
        {
            new HostEvent(HostEventKind.Unmap, 0, range, -1),
            new HostEvent(HostEventKind.Unmap, 0, range, 1_000_001), new HostEvent(HostEventKind.Fork, 0, range) { ChildMicroseconds = -1 },
            new HostEvent(HostEventKind.Unmap, 0, new HvaRange(HostRig.Ram, HostEvent.PagesMax + 1)),
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
