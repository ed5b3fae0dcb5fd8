using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>How VMs come and go: nothing is left of a dead one, late and early calls do no harm, and a repeated command runs
/// once.</summary>
[Collection(ActorCollection.Name)]
public sealed class LifeAndDeathTests(ActorCollection.Clusters clusters)
{
    [Theory]
    [InlineData(TeardownOrder.VmFirst, PlacementMode.Spread)]
    [InlineData(TeardownOrder.VmFirstShared, PlacementMode.Spread)]
    [InlineData(TeardownOrder.AddressSpaceFirst, PlacementMode.Spread)]
    [InlineData(TeardownOrder.AtOnce, PlacementMode.Spread)]
    [InlineData(TeardownOrder.VmFirstShared, PlacementMode.Packed)]
    [InlineData(TeardownOrder.AddressSpaceFirst, PlacementMode.Packed)]
    [InlineData(TeardownOrder.AtOnce, PlacementMode.Packed)]
    public async Task Nothing_is_left_of_a_VM_whichever_way_it_dies(TeardownOrder order, PlacementMode placement)
    {
        var vm = await (await clusters.BedAsync(placement)).RunAsync(new VmPlan(DirtyLog: DirtyLogMode.Bitmap));
        await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        await vm.HostEventAsync(HostEventKind.Reclaim, vm.Ram);
        await vm.DirtyLogAsync(DirtyLogStep.Enable);
        var last = await vm.DestroyAsync(order);
        Assert.Equal([vm.Key, $"{vm.Key}/vcpu-0", $"{vm.Key}/vcpu-1"], last.Select(report => report.Actor));
        Assert.All(last, report => Assert.Empty(report.Violations));
        Assert.All(last, report => Assert.Null(report.Failure));
        Assert.All(last, report => Assert.Empty(report.Waits));
        await vm.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_VM_that_dies_inside_of_a_range_leaves_nothing_once_the_range_is_closed()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.RunAsync();
        var op = bed.Next(HostEventKind.HeldRange);
        Assert.Equal(
            HostEventStatus.Done,
            (await vm.Host.OpenRangeAsync(op, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, vm.Ram))).Status);
        var dying = vm.DestroyAsync();
        // The VM unregisters inside of the range; its process has to wait for the range's end.
        await Until.HoldsAsync(
            async () => (await vm.Host.InspectAsync()).Counters.Usage?.Subscriptions, left => left == 0, "unregister");
        await vm.Host.CloseRangeAsync(op);
        Assert.All(await dying, report => Assert.Empty(report.Violations));
        await vm.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_command_to_a_VM_that_is_gone_is_answered_and_leaves_no_activation()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.RunAsync();
        await vm.DestroyAsync();
        await vm.LeavesNothingAsync();
        Assert.Equal(MemslotResult.Dead, await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages));
        await vm.LeavesNoActivationAsync();
        Assert.Equal(-1, await vm.DirtyLogAsync(DirtyLogStep.Round));
        Assert.False(await vm.Grain.SoftwareWriteAsync(bed.Next(OperationKind.SoftwareWrite), VmLayout.RamGfn));
        Assert.Equal(0, await vm.Grain.AuditAsync(bed.Next(OperationKind.Audit)));
        Assert.Empty(await vm.DestroyAsync());
        Assert.Empty(await vm.Grain.InspectAsync(settled: true));
        await vm.Grain.ReapDirtyRingsAsync(bed.Next(OperationKind.DirtyRingReap));
        await vm.LeavesNoActivationAsync();
        await vm.Vcpu(0).FlushTlbAsync(bed.Next(HostEventKind.Unmap), new GfnRange(VmLayout.RamGfn, 1));
        await vm.Vcpu(1).PauseAsync(bed.Next(OperationKind.Audit));
        await vm.LeavesNoActivationAsync();
        Assert.Equal(HostEventStatus.NoAddressSpace, (await vm.HostEventAsync(HostEventKind.DontNeed, vm.Ram)).Status);
    }

    [Fact]
    public async Task A_notification_to_a_VM_that_is_gone_is_no_late_call_but_a_defect()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.PlanAsync();
        var range = new RangeMessage(1, vm.Ram, default, Blockable: true);
        var failure = await Assert.ThrowsAnyAsync<InvalidOperationException>(
            async () => await vm.Grain.InvalidateRangeStartAsync(bed.Next(HostEventKind.Unmap), range));
        Assert.Contains(vm.Key, failure.Message, StringComparison.Ordinal);
        await vm.LeavesNoActivationAsync();
    }

    [Fact]
    public async Task A_VM_whose_report_was_asked_for_before_it_was_made_can_be_made()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.PlanAsync();
        Assert.Empty(await vm.Grain.InspectAsync(settled: false));
        var creating = vm.CreateAsync();
        // And while it is made: asked without a pause.
        while (!creating.IsCompleted) await vm.Grain.InspectAsync(settled: false);
        await creating;
        await vm.RunsOnAsync();
        await vm.DestroyAsync();
        await vm.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_vCPU_that_was_called_before_its_start_starts_and_stays()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.PlanAsync();
        await vm.Vcpu(0).FlushTlbAsync(bed.Next(HostEventKind.Unmap), new GfnRange(VmLayout.RamGfn, 1));
        await vm.Vcpu(1).InspectAsync();
        await vm.CreateAsync();
        await vm.RunsOnAsync();
        var vcpus = (await vm.InspectAsync()).Skip(2).ToList();
        Assert.Equal(2, vcpus.Count);
        Assert.All(vcpus, report => Assert.True(report.Counters.Vcpu!.Accesses > 0));
        await vm.DestroyAsync();
        await vm.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_repeated_command_gives_the_first_ones_result_and_runs_once()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var vm = await bed.RunAsync();
        var write = bed.Next(OperationKind.SoftwareWrite);
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(_ => vm.Grain.SoftwareWriteAsync(write, VmLayout.RamGfn).AsTask()));
        Assert.Equal([true, true, true, true], answers);
        Assert.Equal(1, await vm.CountAsync(counters => counters.Vm?.SoftwareWrites));

        // Run again, the deletion would be refused: there is nothing to delete any more.
        await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        var delete = bed.Next(OperationKind.MemslotDelete);
        var change = BedVm.Hotplug(VmLayout.HotplugGfn, 0);
        Assert.Equal(MemslotResult.Ok, await vm.Grain.SetMemslotAsync(delete, change));
        Assert.Equal(MemslotResult.Ok, await vm.Grain.SetMemslotAsync(delete, change));

        await vm.Host.InspectAsync();
        var dontNeed = bed.Next(HostEventKind.DontNeed);
        var memoryEvent = new HostEvent(HostEventKind.DontNeed, vm.AddressSpaceId, vm.Ram);
        var first = await vm.Host.RunEventAsync(dontNeed, memoryEvent);
        Assert.Equal(first, await vm.Host.RunEventAsync(dontNeed, memoryEvent));
        Assert.Equal(["invoke", "ok"], (await vm.Host.InspectAsync()).History.Select(entry => entry.Type));

        var destroy = bed.Next(OperationKind.VmDestroy);
        var ends = await Task.WhenAll(
            vm.Grain.DestroyAsync(destroy, TeardownOrder.VmFirst).AsTask(), vm.Grain.DestroyAsync(destroy, TeardownOrder.VmFirst).AsTask());
        Assert.Equal(ends[0].Select(report => report.Actor), ends[1].Select(report => report.Actor));
        await vm.LeavesNothingAsync();
    }
}
