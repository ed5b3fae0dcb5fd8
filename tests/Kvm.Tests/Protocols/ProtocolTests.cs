using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Protocols;

/// <summary>The differences between the protocols: which deadlock, which starve, which take mmu_lock needlessly.</summary>
public sealed class ProtocolTests
{
    [Theory]
    [InlineData("unconditional", false)]
    [InlineData("hva-range", false)]
    [InlineData("rwsem", true)]
    [InlineData("rwsem-unfair", false)]
    [InlineData("active-count", false)]
    [InlineData("gfn-range", false)]
    public void Nested_ranges_and_a_memslot_update_deadlock_behind_a_fair_rwsem_only(string protocol, bool deadlocks)
    {
        var found = 0;
        for (ulong seed = 1; seed <= 150; seed++)
        {
            var bed = new Bed(new BedOptions(protocol), seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                await vm.TouchAsync(BedVm.RamGfn(0), write: true);
                await Bed.WhenAllAsync(
                    bed.SpawnEvent(HostEventKind.NestedRange, vm, BedVm.RamHva(0), 2, hold: 20),
                    bed.Spawn(OperationKind.MemslotCreate, async op => await vm.PlugAsync(op)));
            });
            if (result.Outcome == ScheduleOutcome.Completed) continue;
            Assert.Contains(Invariants.Deadlock, bed.Broken(result));
            Assert.Contains(
                bed.Waits(), wait => wait.Wait.LockClass == "mmu_notifier_slots_lock" && wait.Wait.WaiterKind == HostEventKind.NestedRange);
            found++;
        }

        Assert.Equal(deadlocks, found > 0);
    }

    [Theory]
    [InlineData("unconditional", false)]
    [InlineData("hva-range", false)]
    [InlineData("rwsem", true)]
    [InlineData("rwsem-unfair", true)]
    [InlineData("active-count", true)]
    [InlineData("gfn-range", true)]
    public void Spurious_ranges_take_mmu_lock_unless_it_is_elided_and_others_always(string protocol, bool elides)
    {
        const int Ranges = 20;
        var bed = new Bed(new BedOptions(protocol), seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            var counters = vm.Vm.Counters;
            for (var i = 0; i < Ranges; i++)
                await bed.RunEventAsync(bed.NewOperation(HostEventKind.Spurious), vm.AddressSpaceId, VmLayout.ScratchHva, 1);
            Assert.Equal(Ranges, counters.NotifierRanges);
            Assert.Equal(elides ? 0 : 2 * Ranges, counters.NotifierMmuLockAcquisitions);
            Assert.Equal(elides ? Ranges : 0, counters.NotifierElided);

            var before = counters.NotifierMmuLockAcquisitions;
            for (var i = 0; i < Ranges; i++)
                await bed.RunEventAsync(bed.NewOperation(HostEventKind.DontNeed), vm.AddressSpaceId, BedVm.RamHva(0), 1);
            Assert.Equal(before + 2 * Ranges, counters.NotifierMmuLockAcquisitions);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Theory]
    [InlineData("unconditional", false)]
    [InlineData("rwsem", false)]
    [InlineData("rwsem-unfair", true)]
    [InlineData("active-count", true)]
    [InlineData("gfn-range", true)]
    public void A_stream_of_overlapping_ranges_starves_a_memslot_update_where_nothing_is_fair(string protocol, bool starves)
    {
        const int Ranges = 40;
        var bed = new Bed(new BedOptions(protocol), seed: 1);
        var done = new List<string>();
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            List<Lane> tasks = [];
            foreach (var phase in (long[])[1, 5_000])
                tasks.Add(bed.Spawn(HostEventKind.HeldRange, async _ =>
                {
                    await bed.World.DelayAsync(phase);
                    for (var i = 0; i < Ranges; i++)
                        await bed.RunEventAsync(
                            bed.NewOperation(HostEventKind.HeldRange), vm.AddressSpaceId, BedVm.RamHva(0), 1, hold: 9_000);
                    done.Add("stream");
                }));
            tasks.Add(bed.Spawn(OperationKind.MemslotCreate, async op =>
            {
                await bed.World.DelayAsync(2_000);
                await vm.PlugAsync(op);
                done.Add("update");
            }));
            await Bed.WhenAllAsync(tasks);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.Equal(starves, done[0] == "stream");
    }

    [Fact]
    public void Only_the_hull_lets_faults_elsewhere_go_on_while_a_range_is_open()
    {
        Assert.Equal(Kvm.Paging.FaultStatus.Retry, FaultOutsideOfAnOpenRange("unconditional"));
        foreach (var protocol in (string[])["hva-range", "rwsem", "active-count", "gfn-range"])
            Assert.Equal(Kvm.Paging.FaultStatus.Mapped, FaultOutsideOfAnOpenRange(protocol));
    }

    [Fact]
    public void The_hull_covers_what_lies_between_two_open_ranges()
    {
        foreach (var protocol in (string[])["hva-range", "rwsem", "active-count", "gfn-range"])
            Assert.Equal(Kvm.Paging.FaultStatus.Retry, FaultOutsideOfAnOpenRange(protocol, alsoOpen: 10));
    }

    [Theory]
    [InlineData("rwsem")]
    [InlineData("rwsem-unfair")]
    [InlineData("active-count")]
    public void A_range_whose_end_finds_nobody_leaves_no_lock_behind_in_the_order_graph(string protocol)
    {
        var order = new LockOrderGraph();
        for (ulong seed = 1; seed <= 100; seed++)
        {
            var bed = new Bed(new BedOptions(protocol), seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                for (var page = 0; page < 6; page++) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
                await Bed.WhenAllAsync(
                    bed.SpawnEvent(HostEventKind.PageMigration, vm, BedVm.RamHva(0), 6, hold: 200),
                    bed.Spawn(OperationKind.VmDestroy, async op =>
                    {
                        await bed.World.DelayAsync((long)(seed % 100) * 3);
                        await vm.Vm.Teardown.DestroyAsync(op, sharesAddressSpace: false);
                    }));
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
            order.Merge(bed.Host.Locks.Order);
            order.Merge(bed.Vms[0].Vm.Locks.Order);
        }

        Assert.Empty(order.PotentialCycles());
    }

    private static Kvm.Paging.FaultStatus FaultOutsideOfAnOpenRange(string protocol, long? alsoOpen = null)
    {
        var bed = new Bed(new BedOptions(protocol) { RamSlots = 1 }, seed: 1);
        var status = Kvm.Paging.FaultStatus.Error;
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            foreach (var page in alsoOpen is { } second ? [0, second] : (long[])[0])
            {
                var op = bed.NewOperation(HostEventKind.HeldRange);
                await bed.Host.OpenRangeAsync(
                    op, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new HvaRange(BedVm.RamHva(page), 1)));
            }

            status = (await vm.TouchAsync(BedVm.RamGfn(5), write: true, retriesMax: 0)).Status;
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        return status;
    }
}
