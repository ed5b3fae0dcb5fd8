using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Paging;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Vms;

public sealed class TeardownTests
{
    [Fact]
    public void Destroy_waits_for_ioctls_under_way_and_the_second_destroyer_is_told()
    {
        for (ulong seed = 1; seed <= 100; seed++)
        {
            var bed = new Bed(new BedOptions("active-count"), seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                var destroyed = new List<bool>();
                List<Lane> tasks =
                [
                    bed.Spawn(OperationKind.MemslotCreate, async op => await vm.PlugAsync(op)),
                    bed.Spawn(OperationKind.Audit, async op => await vm.Vm.Auditor.AuditAsync(op)),
                ];
                for (var i = 0; i < 2; i++)
                    tasks.Add(bed.Spawn(OperationKind.VmDestroy, async op =>
                    {
                        destroyed.Add(await vm.Vm.Teardown.DestroyAsync(op, sharesAddressSpace: true));
                        if (destroyed[^1]) Assert.Empty(bed.Waits());
                    }));
                await Bed.WhenAllAsync(tasks);
                Assert.Equal([false, true], destroyed.Order());
                Assert.Equal(0, bed.Host.Usage.Subscriptions);
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
        }
    }

    [Fact]
    public void A_dead_VM_answers_faults_so_that_its_vCPU_stops() => Run(async (bed, vm) =>
    {
        await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        Assert.Equal(FaultStatus.Dead, (await vm.TouchAsync(BedVm.RamGfn(0), write: true)).Status);
        Assert.Equal(0, await vm.Vm.Auditor.AuditAsync(bed.NewOperation(OperationKind.Audit)));
    });

    [Fact]
    public void A_callback_after_unregister_is_a_violation() => Run(
        async (bed, vm) =>
        {
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
            await vm.Vm.Notifier.InvalidateRangeStartAsync(
                bed.NewOperation(HostEventKind.Unmap),
                new MmuNotifierRange(1, new HvaRange(BedVm.RamHva(0), 1), MmuNotifierEvent.Unmap, Blockable: true));
        },
        Invariants.Teardown);

    [Fact]
    public void A_range_that_never_ends_is_a_violation_once_everything_rests() => Run(
        async (bed, vm) =>
        {
            var op = bed.NewOperation(HostEventKind.HeldRange);
            await bed.Host.OpenRangeAsync(op, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new HvaRange(BedVm.RamHva(0), 1)));
            vm.Vm.Checks.Ranges.Settled();
        },
        Invariants.Balance);

    [Fact]
    public void The_audit_finds_an_SPTE_that_the_host_does_not_bear_out() => Run(
        async (bed, vm) =>
        {
            await vm.TouchAsync(BedVm.RamGfn(0), write: true);
            vm.Vm.Sptes[BedVm.RamGfn(0)].Pfn++;
            await vm.Vm.Auditor.AuditAsync(bed.NewOperation(OperationKind.Audit));
        },
        Invariants.NoStaleTranslation);

    [Fact]
    public void A_driver_refuses_what_may_not_block_and_the_VM_gets_its_end()
    {
        var bed = new Bed(new BedOptions("active-count") { HasRefusingDriver = true }, seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            await vm.TouchAsync(BedVm.RamGfn(0), write: true);
            var reaped = await bed.RunEventAsync(bed.NewOperation(HostEventKind.OomReap), vm.AddressSpaceId, BedVm.RamHva(0), 1);
            Assert.Equal(HostEventStatus.Busy, reaped.Status);
            Assert.Equal(1, vm.Driver!.Refusals);
            Assert.Equal(
                (0L, 0L, 0), (vm.Vm.Protocol.ActiveInvalidations, vm.Vm.Protocol.InvalidationsInProgress, vm.Vm.Checks.Ranges.OpenRanges));
            Assert.Equal(
                HostEventStatus.Done,
                (await bed.RunEventAsync(bed.NewOperation(HostEventKind.DontNeed), vm.AddressSpaceId, BedVm.RamHva(0), 1)).Status);
            Assert.Equal(1, vm.Driver.Refusals);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    private static void Run(Func<Bed, BedVm, ValueTask> claim, string? violated = null)
    {
        var bed = new Bed(new BedOptions("active-count"), seed: 1);
        var result = bed.Run(async () => await claim(bed, await bed.CreateVmAsync()));
        if (violated is null) Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        else Assert.Equal([violated], result.Violations.Select(violation => violation.Invariant));
    }
}
