using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.UserSpace;

/// <summary>Devices and their log, without a migration.</summary>
public sealed class DevicesTests
{
    private static readonly HvaRange _ram = new(VmLayout.RamHva, 4);

    [Fact]
    public void What_a_device_wrote_is_in_its_log_once_and_only_while_that_is_on() => Run(async (bed, vm) =>
    {
        var devices = vm.Process.Devices!;
        Assert.Equal(1, await WriteAsync(bed, vm, 0));
        devices.Log.Start(_ram);
        Assert.Empty(devices.Log.Take(_ram));
        Assert.Equal(2, await WriteAsync(bed, vm, 1, 2));
        Assert.Equal([BedVm.RamHva(1), BedVm.RamHva(2)], devices.Log.Take(_ram));
        Assert.Empty(devices.Log.Take(_ram));
        devices.Log.Stop();
        await WriteAsync(bed, vm, 3);
        Assert.Empty(devices.Log.Take(_ram));
    });

    [Fact]
    public void A_request_waits_while_devices_stand_still_and_is_dealt_with_then() => Run(async (bed, vm) =>
    {
        var devices = vm.Process.Devices!;
        await devices.StopAsync(bed.NewOperation(OperationKind.Migration));
        var written = -1;
        var writer = bed.Spawn(OperationKind.DeviceWrite, async op => written = await devices.WriteAsync(op, BedVm.RamGfn(0), Values(1)));
        await bed.World.DelayAsync(100);
        Assert.Equal(-1, written);
        devices.Resume();
        await Bed.WhenAllAsync([writer]);
        Assert.Equal(1, written);
        devices.Resume();
    });

    [Fact]
    public void A_buffer_ends_with_the_memory_that_is_there_and_too_long_a_one_is_refused() => Run(async (bed, vm) =>
    {
        Assert.Equal(1, await WriteAsync(bed, vm, 3, 4));
        Assert.Equal(0, await WriteAsync(bed, vm, 40));
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await WriteAsync(bed, vm, 0, Devices.PagesMax + 1));
    });

    private static ValueTask<int> WriteAsync(Bed bed, BedVm vm, int page, int pages = 1) =>
        vm.Process.Devices!.WriteAsync(bed.NewOperation(OperationKind.DeviceWrite), BedVm.RamGfn(page), Values(pages));

    private static ulong[] Values(int pages) => [.. Enumerable.Range(1, pages).Select(value => (ulong)value)];

    private static void Run(Func<Bed, BedVm, Task> scene)
    {
        var bed = new Bed(new BedOptions("active-count") { RamPages = 4, RamSlots = 1, Vcpus = 0 }, seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            await scene(bed, vm);
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, $"{result}");
    }
}
