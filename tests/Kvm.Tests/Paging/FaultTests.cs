using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

public sealed class FaultTests
{
    [Theory]
    [InlineData("unconditional")]
    [InlineData("rwsem")]
    [InlineData("gfn-range")]
    public void Fault_retries_while_an_invalidation_of_its_page_is_in_progress(string protocol) => Run(protocol, async (bed, vm) =>
    {
        var held = bed.NewOperation(HostEventKind.HeldRange);
        await bed.Host.OpenRangeAsync(held, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new HvaRange(BedVm.RamHva(3), 1)));
        Assert.Equal(FaultStatus.Retry, (await vm.TouchAsync(BedVm.RamGfn(3), write: true, retriesMax: 5)).Status);
        Assert.Equal(6, vm.Vm.Counters.FaultRetries);
        await bed.Host.CloseRangeAsync(held);
        Assert.Equal(FaultStatus.Mapped, (await vm.TouchAsync(BedVm.RamGfn(3), write: true)).Status);
    });

    [Theory]
    [InlineData("unconditional")]
    [InlineData("hva-range")]
    [InlineData("rwsem")]
    [InlineData("active-count")]
    [InlineData("gfn-range")]
    public void Fault_retries_when_an_invalidation_ends_between_snapshot_and_lock(string protocol)
    {
        InterruptedPort? host = null;
        var bed = new Bed(new BedOptions(protocol) { HostPort = port => host = new InterruptedPort(port) }, seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            // The whole range, start to end, passes after the host was asked.
            host!.AfterLookup = () => bed.RunEventAsync(
                bed.NewOperation(HostEventKind.DontNeed), vm.AddressSpaceId, BedVm.RamHva(3), 1);
            Assert.Equal(FaultStatus.Retry, (await vm.TouchAsync(BedVm.RamGfn(3), write: true, retriesMax: 0)).Status);
            Assert.False(vm.Vm.Sptes.TryGet(BedVm.RamGfn(3), out _));
            Assert.Equal(FaultStatus.Mapped, (await vm.TouchAsync(BedVm.RamGfn(3), write: true)).Status);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void Where_the_host_does_not_answer_the_fault_ends_and_what_others_have_kept_goes_back()
    {
        InterruptedPort? host = null;
        var bed = new Bed(new BedOptions("active-count") { HostPort = port => host = new InterruptedPort(port) }, seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            host!.AfterLookup = async () =>
            {
                // Its page is kept, as the fault around it is under way.
                await vm.TouchAsync(BedVm.RamGfn(1), write: true);
                Assert.Equal(0, host.Put);
                throw new TimeoutException();
            };
            await Assert.ThrowsAsync<TimeoutException>(async () => await vm.TouchAsync(BedVm.RamGfn(3), write: true));
            Assert.Equal(1, host.Put);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void A_write_to_a_protected_page_is_a_fast_page_fault_and_marks_it_dirty() => Run("active-count", async (bed, vm) =>
    {
        await vm.Vm.MemslotUpdates.SetLoggingAsync(bed.NewOperation(OperationKind.DirtyLogEnable), 0, logs: true);
        await vm.TouchAsync(BedVm.RamGfn(1), write: true);
        var first = new PageSet(new HvaRange(BedVm.RamHva(0), bed.Options.RamPages));
        await vm.Vm.DirtyLog.GetAsync(bed.NewOperation(OperationKind.DirtyLogGet), 0, first);
        Assert.Equal([BedVm.RamHva(1)], first);
        Assert.True(vm.Vm.Sptes.TryGet(BedVm.RamGfn(1), out var spte) && !spte.IsWritable);

        var lookups = bed.Host.Counters.FaultIns;
        var reply = await vm.TouchAsync(BedVm.RamGfn(1), write: true);
        Assert.Equal((FaultStatus.Mapped, true), (reply.Status, reply.Translation.Writable));
        Assert.Equal((1L, lookups), (vm.Vm.Counters.FastPageFaults, bed.Host.Counters.FaultIns));
        var second = new PageSet(first.Range);
        await vm.Vm.DirtyLog.GetAsync(bed.NewOperation(OperationKind.DirtyLogGet), 0, second);
        Assert.Equal([BedVm.RamHva(1)], second);
    });

    [Fact]
    public void A_read_only_host_mapping_never_becomes_writable_for_the_guest() => Run("active-count", async (_, vm) =>
    {
        // A read of untouched memory maps the zero frame, read-only.
        var read = await vm.TouchAsync(BedVm.RamGfn(1), write: false);
        Assert.False(read.Translation.Writable);
        var write = await vm.TouchAsync(BedVm.RamGfn(1), write: true);
        Assert.True(write.Translation.Writable);
        Assert.NotEqual(read.Translation.Pfn, write.Translation.Pfn);
        Assert.Equal(0, vm.Vm.Counters.FastPageFaults);
    });

    [Fact]
    public void Where_the_process_has_no_memory_the_fault_is_an_error() => Run("active-count", async (bed, vm) =>
    {
        await vm.SetMemslotAsync(bed.NewOperation(OperationKind.MemslotCreate), 9, new Gfn(1L << 30), 1, new Hva(1L << 45));
        Assert.Equal(FaultStatus.Error, (await vm.TouchAsync(new Gfn(1L << 30), write: false)).Status);
        Assert.Equal(1, vm.Vm.Counters.FaultErrors);
    });

    [Fact]
    public void Neighbours_that_are_mapped_come_along_within_one_line_of_eight() => Run("active-count", async (_, vm) =>
    {
        foreach (var page in (long[])[0, 2, 7, 8]) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
        var reply = await vm.TouchAsync(BedVm.RamGfn(1), write: true);
        Assert.Equal([BedVm.RamGfn(0), BedVm.RamGfn(2), BedVm.RamGfn(7)], reply.Neighbours!.Select(neighbour => neighbour.Gfn));
    });

    [Fact]
    public void Software_writes_skip_read_only_slots_and_holes() => Run("active-count", async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.ReadOnly);
        var writer = vm.Vm.SoftwareWriter;
        Assert.True(await writer.WriteAsync(bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(0), 1));
        Assert.False(await writer.WriteAsync(bed.NewOperation(OperationKind.SoftwareWrite), 0, VmLayout.HotplugGfn, 1));
        Assert.False(await writer.WriteAsync(bed.NewOperation(OperationKind.SoftwareWrite), 0, new Gfn(1), 1));
        Assert.Equal(1, vm.Vm.Counters.SoftwareWrites);
    });

    private static void Run(string protocol, Func<Bed, BedVm, ValueTask> claim)
    {
        var bed = new Bed(new BedOptions(protocol) { DirtyLog = DirtyLogMode.Bitmap, RamSlots = 1 }, seed: 1);
        var result = bed.Run(async () => await claim(bed, await bed.CreateVmAsync()));
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }
}
