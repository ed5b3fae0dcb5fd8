using Livebed.Grains.Actors;
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

/// <summary>What a VM of grains does while it lives: faults, notifications, memslots, dirty logging, KVM's own writes, audits.</summary>
[Collection(ActorCollection.Name)]
public sealed class RunningVmTests(ActorCollection.Clusters clusters)
{
    [Theory]
    [InlineData(PlacementMode.Spread)]
    [InlineData(PlacementMode.Packed)]
    public async Task Guests_fault_and_go_on_and_reach_their_memory_by_a_grain_call_only_when_it_is_on_another_silo(PlacementMode placement)
    {
        var bed = await clusters.BedAsync(placement);
        var vm = await bed.RunAsync();
        await vm.RunsOnAsync();
        var reports = await vm.InspectAsync();
        Assert.Equal([vm.HostKey, vm.Key, $"{vm.Key}/vcpu-0", $"{vm.Key}/vcpu-1"], reports.Select(report => report.Actor));
        Assert.Equal(placement == PlacementMode.Packed ? 1 : 3, reports.Select(report => report.Silo).Distinct().Count());
        Assert.All(
            reports.Where(report => report.Actor.Contains("vcpu", StringComparison.Ordinal)),
            report => Assert.True(report.Counters.Vcpu!.Accesses > 0));
        Assert.True(reports.Sum(report => report.Counters.Vm?.Faults ?? 0) > 0);
        Assert.Equal(placement == PlacementMode.Spread, bed.Calls.Of(vm.HostKey, nameof(IGuestMemoryGrain.ExecuteAsync)) > 0);
        Assert.True(bed.Calls.Of(vm.Key, nameof(IVmGrain.FaultAsync)) > 0);
        await vm.DestroyAsync();
    }

    [Fact]
    public async Task A_VM_that_starts_stopped_takes_commands_and_its_guests_begin_with_cont()
    {
        var vm = await (await clusters.BedAsync(PlacementMode.Spread)).PlanAsync(new VmPlan { StartsStopped = true });
        await vm.CreateAsync();
        Assert.Equal(MemslotResult.Ok, await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages));
        Assert.Equal(0, await vm.CountAsync(counters => counters.Vcpu?.Accesses));
        Assert.True(await vm.ContAsync());
        Assert.False(await vm.ContAsync());
        await vm.RunsOnAsync();
        await vm.DestroyAsync();
        await vm.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_VM_that_never_began_is_destroyed_as_any_other()
    {
        var vm = await (await clusters.BedAsync(PlacementMode.Spread)).PlanAsync(new VmPlan { StartsStopped = true });
        await vm.CreateAsync();
        await vm.DestroyAsync();
        Assert.False(await vm.ContAsync());
        await vm.LeavesNothingAsync();
    }

    [Theory]
    [InlineData("dont-need", PlacementMode.Spread)]
    [InlineData("page-migration", PlacementMode.Spread)]
    [InlineData("fork", PlacementMode.Spread)]
    [InlineData("reclaim", PlacementMode.Spread)]
    [InlineData("dont-need", PlacementMode.Packed)]
    public async Task A_host_event_over_its_memory_notifies_the_vm_and_its_guests_go_on(string kind, PlacementMode placement)
    {
        var vm = await (await clusters.BedAsync(placement)).RunAsync();
        var before = await vm.CountAsync(counters => counters.Vm?.NotifierRanges);
        var faultsBefore = await vm.CountAsync(counters => counters.Vm?.Faults);
        var result = await vm.HostEventAsync((HostEventKind)OperationKinds.Find(kind)!, vm.Ram);
        Assert.Equal(HostEventStatus.Done, result.Status);
        Assert.InRange(result.Pages, 1, vm.Ram.Pages);
        Assert.True(await vm.CountAsync(counters => counters.Vm?.NotifierRanges) > before);
        // What was taken away is faulted in again.
        await Until.HoldsAsync(() => vm.CountAsync(counters => counters.Vm?.Faults), now => now > faultsBefore, "a fault after the event");
        await vm.RunsOnAsync();
        await vm.DestroyAsync();
    }

    [Fact]
    public async Task A_range_that_hits_no_memslot_is_elided()
    {
        var vm = await (await clusters.BedAsync(PlacementMode.Spread)).RunAsync();
        var before = await vm.CountAsync(counters => counters.Vm?.NotifierElided);
        await vm.HostEventAsync(HostEventKind.Spurious, new HvaRange(VmLayout.ScratchHva, 4));
        Assert.Equal(before + 1, await vm.CountAsync(counters => counters.Vm?.NotifierElided));
        await vm.DestroyAsync();
    }

    [Theory]
    [InlineData(PlacementMode.Spread)]
    [InlineData(PlacementMode.Packed)]
    public async Task Memslots_are_created_moved_and_deleted_and_what_cannot_be_is_refused(PlacementMode placement)
    {
        var vm = await (await clusters.BedAsync(placement)).RunAsync();
        var before = await vm.CountAsync(counters => counters.Vm?.MemslotUpdates);
        Assert.Equal(MemslotResult.Invalid, await vm.SetHotplugAsync(OperationKind.MemslotDelete, VmLayout.HotplugGfn, 0));
        Assert.Equal(MemslotResult.Overlap, await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.RamGfn, VmPlan.HotplugPages));
        Assert.Equal(MemslotResult.Ok, await vm.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages));
        Assert.Equal(
            MemslotResult.Invalid, await vm.SetHotplugAsync(OperationKind.MemslotMove, VmLayout.HotplugGfn, VmPlan.HotplugPages / 2));
        Assert.Equal(MemslotResult.Ok, await vm.SetHotplugAsync(OperationKind.MemslotMove, VmLayout.HotplugGfnMoved, VmPlan.HotplugPages));
        Assert.Equal(MemslotResult.Ok, await vm.SetHotplugAsync(OperationKind.MemslotDelete, VmLayout.HotplugGfnMoved, 0));
        Assert.Equal(before + 3, await vm.CountAsync(counters => counters.Vm?.MemslotUpdates));
        await vm.RunsOnAsync();
        await vm.DestroyAsync();
    }

    [Theory]
    [InlineData(DirtyLogMode.Bitmap, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.Manual, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.InitiallySet, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.Ring, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.Ring, PlacementMode.Packed)]
    public async Task A_dirty_log_is_enabled_read_verified_and_disabled_in_every_mode(DirtyLogMode mode, PlacementMode placement)
    {
        var plan = new VmPlan(DirtyLog: mode);
        var vm = await (await clusters.BedAsync(placement)).RunAsync(plan);
        Assert.Equal(-1, await vm.DirtyLogAsync(DirtyLogStep.Round));
        Assert.Equal(plan.RamPages, await vm.DirtyLogAsync(DirtyLogStep.Enable));
        Assert.Equal(-1, await vm.DirtyLogAsync(DirtyLogStep.Enable));
        // The guests write all the time, so sooner or later a round has something to copy.
        await vm.RunsOnAsync();
        Assert.InRange(await vm.DirtyLogAsync(DirtyLogStep.Round), 1, plan.RamPages);
        await vm.RunsOnAsync();
        Assert.InRange(await vm.DirtyLogAsync(DirtyLogStep.Verify), 0, plan.RamPages);
        Assert.True(await vm.CountAsync(counters => counters.Vm?.DirtyLogVerifications) > 0);
        Assert.Equal(0, await vm.DirtyLogAsync(DirtyLogStep.Disable));
        Assert.Equal(-1, await vm.DirtyLogAsync(DirtyLogStep.Verify));
        await vm.RunsOnAsync();
        await vm.DestroyAsync();
    }

    [Theory]
    [InlineData(PlacementMode.Spread)]
    [InlineData(PlacementMode.Packed)]
    public async Task KVM_and_devices_write_into_ram_and_not_beside_it_and_an_audit_looks_at_what_is_mapped(PlacementMode placement)
    {
        var bed = await clusters.BedAsync(placement);
        var vm = await bed.RunAsync();
        Assert.True(await vm.Grain.SoftwareWriteAsync(bed.Next(OperationKind.SoftwareWrite), VmLayout.RamGfn + 3));
        Assert.False(await vm.Grain.SoftwareWriteAsync(bed.Next(OperationKind.SoftwareWrite), VmLayout.HotplugGfnMoved));
        Assert.Equal(1, await vm.CountAsync(counters => counters.Vm?.SoftwareWrites));
        Assert.Equal(3, await vm.Grain.DeviceWriteAsync(bed.Next(OperationKind.DeviceWrite), VmLayout.RamGfn + 3, 3));
        Assert.Equal(0, await vm.Grain.DeviceWriteAsync(bed.Next(OperationKind.DeviceWrite), VmLayout.HotplugGfnMoved, 3));
        Assert.Equal(3, await vm.CountAsync(counters => counters.Vm?.DeviceWrites));
        Assert.True(await vm.Grain.AuditAsync(bed.Next(OperationKind.Audit)) > 0);
        // The guest reads what they wrote, and the host knows that it is right.
        await vm.RunsOnAsync();
        await vm.DestroyAsync();
    }
}
