using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;

namespace Livebed.Kvm.Tests.Host;

public class PageFaultTests
{
    [Fact]
    public void A_read_maps_the_zero_frame_read_only_and_a_later_write_copies_it_inside_a_range() => Run(async (rig, vm) =>
    {
        var read = await rig.TouchAsync(HostRig.Ram, write: false);
        Assert.Equal(new HostPage(HostPageStatus.Ok, rig.Host.Frames.ZeroFrame, Writable: false), read);
        Assert.Equal(0, rig.Host.Usage.Frames);
        Assert.Empty(vm.Log);

        await rig.WriteAsync(HostRig.Ram, 3);

        Assert.Equal(["start 100+1 Clear", "end 100+1 Clear"], vm.Log);
        Assert.Equal(0UL, rig.FirstWord(rig.Host.Frames.ZeroFrame));
        await rig.ReadAsync(HostRig.Ram);
    });

    [Fact]
    public void A_write_to_an_empty_page_allocates_zeroes_without_a_notification() => Run(async (rig, vm) =>
    {
        var page = await rig.TouchAsync(HostRig.Ram, write: true);
        Assert.True(page.Writable);
        Assert.Equal(-1, rig.Host.Frames.Bytes(page.Pfn).IndexOfAnyExcept((byte)0));
        Assert.Empty(vm.Log);
    });

    [Fact]
    public void The_reference_keeps_the_frame_when_its_page_is_unmapped_and_giving_it_back_frees_it() => Run(async (rig, _) =>
    {
        var page = await rig.Host.Process(0).FaultInAsync(rig.Op(), HostRig.Ram, write: true);
        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1);
        Assert.Equal(1, rig.Host.Usage.Frames);
        await rig.Host.Process(0).PutPageAsync(rig.Op(), page.Pfn);
        Assert.Equal(0, rig.Host.Usage.Frames);
    });

    [Fact]
    public void No_area_and_a_write_to_read_only_memory_fault() => Run(async (rig, _) =>
    {
        Assert.Equal(HostPageStatus.Fault, (await rig.TouchAsync(new Hva(0x9999), write: false)).Status);
        Assert.Equal(HostPageStatus.Fault, (await rig.TouchAsync(HostRig.ReadOnly, write: true)).Status);
        Assert.Equal(HostPageStatus.Ok, (await rig.TouchAsync(HostRig.ReadOnly, write: false)).Status);
        Assert.False(await rig.Host.Process(0).WriteUserAsync(rig.Op(), HostRig.ReadOnly, new Gfn(0), 1));
    });

    [Fact]
    public void A_full_host_answers_no_memory_for_demand_zero_copy_and_swap_in() => Run(frames: 2, async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 1);
        await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1);
        await rig.WriteAsync(HostRig.Ram + 1, 2);
        await rig.WriteAsync(HostRig.Ram + 2, 3);
        await rig.TouchAsync(HostRig.Ram + 3, write: false);

        Assert.Equal(HostPageStatus.NoMemory, (await rig.TouchAsync(HostRig.Ram + 4, write: true)).Status);
        Assert.Equal(HostPageStatus.NoMemory, (await rig.TouchAsync(HostRig.Ram + 3, write: true)).Status);
        Assert.Equal(HostPageStatus.NoMemory, (await rig.TouchAsync(HostRig.Ram, write: false)).Status);

        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram + 1, 2);
        await rig.ReadAsync(HostRig.Ram);
    });

    [Fact]
    public void A_page_shared_with_a_child_is_copied_on_write_and_reused_in_place_when_the_child_is_gone() => Run(async (rig, vm) =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        var untouched = await rig.WriteAsync(HostRig.Ram + 1, 8);
        var fork = rig.Host.RunEventAsync(
            rig.Op(HostEventKind.Fork),
            new HostEvent(HostEventKind.Fork, 0, new HvaRange(HostRig.Ram, 2)) { ChildMicroseconds = 100 }).AsTask();
        Assert.False(rig.PteAt(HostRig.Ram).IsWritable);

        var copy = await rig.WriteAsync(HostRig.Ram, 9);
        Assert.NotEqual(pfn, copy);
        Assert.Equal(7UL, rig.FirstWord(pfn));
        Assert.Equal(3, rig.Host.Usage.Frames);

        Assert.Equal(new HostEventResult(HostEventStatus.Done, 2), await fork);
        Assert.Equal(2, rig.Host.Usage.Frames);
        vm.Log.Clear();
        Assert.Equal(untouched, await rig.WriteAsync(HostRig.Ram + 1, 10));
        Assert.Empty(vm.Log);
        Assert.Equal(1, rig.Host.Counters.CowBreaks);
        Assert.Equal(1, rig.Host.Counters.CowReuses);
    });

    [Fact]
    public void A_page_that_another_fault_holds_is_copied_and_not_reused() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        await rig.RunAsync(HostEventKind.Mprotect, HostRig.Ram, 1);
        var held = await rig.Host.Process(0).FaultInAsync(rig.Op(), HostRig.Ram, write: false);

        Assert.NotEqual(held.Pfn, await rig.WriteAsync(HostRig.Ram, 8));
        Assert.Equal(7UL, rig.FirstWord(held.Pfn));
        await rig.Host.Process(0).PutPageAsync(rig.Op(), held.Pfn);
    });

    [Fact]
    public void A_swapped_page_comes_back_with_its_content_and_frees_its_slot() => Run(async (rig, _) =>
    {
        await rig.WriteAsync(HostRig.Ram, 7);
        Assert.Equal(new HostEventResult(HostEventStatus.Done, 1), await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 1));
        Assert.Equal((0, 1), (rig.Host.Usage.Frames, rig.Host.Usage.SwapSlots));

        await rig.ReadAsync(HostRig.Ram);

        Assert.Equal((1, 0), (rig.Host.Usage.Frames, rig.Host.Usage.SwapSlots));
        Assert.Equal((1, 1), (rig.Host.Counters.SwapOuts, rig.Host.Counters.SwapIns));
    });

    [Fact]
    public void A_numa_hint_gives_the_same_page_back_with_its_permission() => Run(async (rig, _) =>
    {
        var pfn = await rig.WriteAsync(HostRig.Ram, 7);
        await rig.RunAsync(HostEventKind.NumaBalancing, HostRig.Ram, 1);
        Assert.Equal(new HostPage(HostPageStatus.Ok, pfn, Writable: true), await rig.TouchAsync(HostRig.Ram, write: false));
        Assert.Equal(1, rig.Host.Counters.NumaHints);
    });

    [Fact]
    public void A_fault_on_a_migrating_page_waits_for_the_folio_lock_and_finds_the_new_frame() => Run(async (rig, vm) =>
    {
        var old = await rig.WriteAsync(HostRig.Ram, 7);
        Task<HostPage>? fault = null;
        vm.OnEnd = _ =>
        {
            Assert.True(rig.PteAt(HostRig.Ram).IsMigration);
            fault = rig.TouchAsync(HostRig.Ram, write: true);
            Assert.False(fault.IsCompleted);
            Assert.Contains(rig.Host.Locks.Waits(), wait => wait.LockClass == "folio_lock");
        };

        Assert.Equal(HostEventStatus.Done, (await rig.RunAsync(HostEventKind.PageMigration, HostRig.Ram, 1)).Status);
        var page = await fault!;

        Assert.Equal(HostPageStatus.Ok, page.Status);
        Assert.NotEqual(old, page.Pfn);
        Assert.True(page.Writable);
        await rig.ReadAsync(HostRig.Ram);
        Assert.Equal(0, rig.Host.Usage.FolioLocks);
    });

    private static void Run(Func<HostRig, RecordingSubscriber, Task> body) => Run(256, body);

    private static void Run(int frames, Func<HostRig, RecordingSubscriber, Task> body)
    {
        var world = new TestWorld();
        var rig = new HostRig(world, frames);
        var vm = new RecordingSubscriber();
        world.Run(async () =>
        {
            Assert.True(await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm));
            await body(rig, vm);
        });
        Assert.Empty(rig.Violations);
        Assert.Equal(vm.Starts, vm.Ends);
    }
}
