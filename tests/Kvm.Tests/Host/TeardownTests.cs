using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

public class TeardownTests
{
    [Fact]
    public void Path_A_unregister_then_exit_leaves_nothing() => Run(async (rig, vm) =>
    {
        await FillAsync(rig);
        await rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vm);
        Assert.True(await rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)));
        Assert.Equal(1, vm.Log.Count(line => line == "release"));
    });

    [Fact]
    public void Path_B_exit_then_unregister_leaves_nothing_and_releases_once() => Run(async (rig, vm) =>
    {
        await FillAsync(rig);
        var framesAtRelease = 0;
        vm.ReleaseGate = new TaskCompletionSource();
        var exit = rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)).AsTask();
        framesAtRelease = rig.Host.Usage.Frames;
        vm.ReleaseGate.SetResult();
        Assert.True(await exit);
        await rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vm);

        Assert.True(framesAtRelease > 0, "pages were freed before the subscribers were released");
        Assert.Equal(1, vm.Log.Count(line => line == "release"));
        Assert.False(await rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)));
    });

    [Fact]
    public void Both_paths_at_once_may_release_twice_and_leave_nothing() => Run(async (rig, vm) =>
    {
        await FillAsync(rig);
        vm.ReleaseGate = new TaskCompletionSource();
        var exit = rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)).AsTask();
        var unregister = rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vm).AsTask();
        Assert.Equal(2, vm.Log.Count(line => line == "release"));
        vm.ReleaseGate.SetResult();
        await exit;
        await unregister;
    });

    [Fact]
    public void A_held_range_outlives_the_address_space_and_its_close_is_harmless() => Run(async (rig, vm) =>
    {
        await FillAsync(rig);
        vm.Log.Clear();
        var held = rig.Op(HostEventKind.HeldRange);
        await rig.Host.OpenRangeAsync(held, new HostEvent(HostEventKind.HeldRange, 0, new HvaRange(HostRig.Ram, 8)));
        Assert.True(await rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)));
        Assert.Equal(new HostUsage(0, 0, 1, 0, 0, 1, 0, 1), rig.Host.Usage);

        Assert.Equal(HostEventStatus.NothingToDo, (await rig.Host.CloseRangeAsync(held)).Status);

        Assert.Equal(["start 100+8 Clear", "release"], vm.Log);
    });

    [Fact]
    public void An_exit_waits_for_operations_of_the_process_and_lets_no_new_one_in() => Run(async (rig, vm) =>
    {
        await FillAsync(rig);
        vm.Log.Clear();
        var zap = rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 4, hold: 100).AsTask();
        var exit = rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)).AsTask();

        Assert.Equal(HostEventKind.DontNeed, Assert.Single(Assert.Single(rig.Host.Locks.Waits()).Blockers).Kind);
        Assert.Equal(HostPageStatus.NoAddressSpace, (await rig.TouchAsync(HostRig.Ram, write: false)).Status);
        Assert.Equal(HostEventResult.NoAddressSpace, await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram, 4));
        Assert.False(await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), new RecordingSubscriber("late")));

        Assert.Equal(HostEventStatus.Done, (await zap).Status);
        await exit;
        Assert.Equal(["start 100+4 Clear", "end 100+4 Clear", "release"], vm.Log);
    });

    [Fact]
    public void An_exit_in_the_middle_of_reclaim_migration_and_ksm_leaves_nothing() => Run(async (rig, _) =>
    {
        await FillAsync(rig);
        var running = new[] { HostEventKind.Reclaim, HostEventKind.PageMigration, HostEventKind.KsmScan, HostEventKind.HeldRange }
            .Select(kind => rig.RunAsync(kind, HostRig.Ram, 8, hold: 30).AsTask()).ToArray();
        await rig.World.DelayAsync(40);
        Assert.True(await rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit)));
        foreach (var task in running) await task;
    });

    [Fact]
    public void A_number_is_free_again_after_the_exit_and_its_locks_are_forgotten() => Run(async (rig, _) =>
    {
        await rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit));
        var spec = new AddressSpaceSpec(0, [new VmaSpec(new HvaRange(HostRig.Ram, 1), VmaKind.Ram)]);
        rig.Host.CreateAddressSpace(spec);
        Assert.Throws<ArgumentException>(() => rig.Host.CreateAddressSpace(spec));
        await rig.WriteAsync(HostRig.Ram, 1);
        await rig.Host.Process(0).ExitAsync(rig.Op(OperationKind.AddressSpaceExit));
    });

    [Fact]
    public void Areas_that_overlap_or_are_empty_are_refused()
    {
        var host = new HostRig(new TestWorld()).Host;
        var area = new VmaSpec(new HvaRange(HostRig.Ram, 4), VmaKind.Ram);
        VmaSpec[][] bad = [[], [area, new VmaSpec(new HvaRange(HostRig.Ram + 3, 1), VmaKind.Ram)],
            [new VmaSpec(new HvaRange(HostRig.Ram, 0), VmaKind.Ram)]];
        foreach (var areas in bad) Assert.Throws<ArgumentException>(() => host.CreateAddressSpace(new AddressSpaceSpec(9, areas)));
    }

    /// <summary>Pages in frames, in swap, shared with a child that is gone, merged, and the zero frame.</summary>
    private static async Task FillAsync(HostRig rig)
    {
        for (var page = 0; page < 8; page++) await rig.WriteAsync(HostRig.Ram + page, (ulong)page / 2);
        await rig.TouchAsync(HostRig.Ram + 9, write: false);
        await rig.ScanAsync(16);
        Assert.True(rig.Host.Ksm.Counters.Merges > 0);
        for (var page = 10; page < 14; page++) await rig.WriteAsync(HostRig.Ram + page, 70);
        await rig.RunAsync(HostEventKind.Reclaim, HostRig.Ram + 10, 2);
        await rig.RunAsync(HostEventKind.Fork, HostRig.Ram + 12, 2);
        Assert.Equal(2, rig.Host.Usage.SwapSlots);
    }

    private static void Run(Func<HostRig, RecordingSubscriber, Task> body)
    {
        var world = new TestWorld();
        var rig = new HostRig(world);
        var vm = new RecordingSubscriber();
        world.Run(async () =>
        {
            await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm);
            await body(rig, vm);
        });
        Assert.Empty(rig.Violations);
        Assert.Equal(default, rig.Host.Usage);
        Assert.Equal((0, 0), (rig.Host.Ksm.Counters.PagesShared, rig.Host.Ksm.Counters.PagesSharing));
    }
}
