using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Protocols;

/// <summary>The situations of kvm-protocol 2.7, each as what runs at once; the schedule does the rest. Each returns what was
/// broken.</summary>
internal static class Interleavings
{
    /// <summary>Faults on two pages while ranges over them, together and one by one, begin and end (I2, I3, I4, I5, I8).</summary>
    public static IReadOnlySet<string> FaultsAgainstRanges(BedOptions options, ulong seed) => Run(options, seed, async bed =>
    {
        var vm = await bed.CreateVmAsync();
        List<Lane> tasks = [];
        foreach (var page in (long[])[1, 2])
        {
            tasks.Add(bed.Spawn(OperationKind.Fault, async _ =>
            {
                for (var i = 0; i < 4; i++) await vm.TouchAsync(BedVm.RamGfn(page), write: i % 2 == 0);
            }));
            tasks.Add(bed.SpawnEvent(HostEventKind.DontNeed, vm, BedVm.RamHva(page), 1, hold: 20));
            tasks.Add(bed.SpawnEvent(HostEventKind.Reclaim, vm, BedVm.RamHva(1), 2, hold: 10));
        }

        await Bed.WhenAllAsync(tasks);
        return vm;
    });

    /// <summary>A zap that is long enough to yield mmu_lock in the middle, and faults on what it has zapped already (I6).</summary>
    public static IReadOnlySet<string> FaultsAgainstAZapThatYields(BedOptions options, ulong seed, Action<BedVm>? inspect = null) =>
        Run(options with { RamPages = 300, RamSlots = 1, Frames = 400 }, seed, async bed =>
        {
            var vm = await bed.CreateVmAsync();
            // Guest RAM begins in the middle of a page of SPTEs, so page 256 lies in the next one, before which the zap may yield.
            foreach (var page in (long[])[254, 255, 256, 257]) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
            List<Lane> tasks = [bed.SpawnEvent(HostEventKind.DontNeed, vm, BedVm.RamHva(250), 20, hold: 20)];
            // It yields to a waiter, and there is one while another holder flushes.
            for (var i = 0; i < 2; i++) tasks.Add(bed.SpawnEvent(HostEventKind.Reclaim, vm, BedVm.RamHva(257), 1));
            for (long page = 252; page < 258; page++)
            {
                var gfn = BedVm.RamGfn(page);
                tasks.Add(bed.Spawn(OperationKind.Fault, async _ =>
                {
                    for (var i = 0; i < 3; i++) await vm.TouchAsync(gfn, write: true);
                }));
            }

            await Bed.WhenAllAsync(tasks);
            inspect?.Invoke(vm);
            return vm;
        });

    /// <summary>One range over two memslots, with a zap that may yield in the second, and another over the first alone, which may find
    /// nothing mapped there any more (S5).</summary>
    public static IReadOnlySet<string> RangesOverTwoMemslots(BedOptions options, ulong seed, Action<BedVm>? inspect = null) => Run(
        options with { RamPages = 8, RamSlots = 2, SptesPerTable = 2 }, seed, async bed =>
        {
            var vm = await bed.CreateVmAsync();
            for (long page = 0; page < 8; page++) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
            List<Lane> tasks = [bed.SpawnEvent(HostEventKind.DontNeed, vm, BedVm.RamHva(2), 6)];
            // A holder keeps the lock for a flush, so that others queue behind the zap that must yield.
            tasks.Add(bed.SpawnEvent(HostEventKind.NumaBalancing, vm, BedVm.RamHva(0), 1));
            tasks.Add(bed.SpawnEvent(HostEventKind.NumaBalancing, vm, BedVm.RamHva(2), 2));
            await Bed.WhenAllAsync(tasks);
            inspect?.Invoke(vm);
            return vm;
        });

    /// <summary>Ranges over memory that a memslot comes to and goes from (I1, I7).</summary>
    public static IReadOnlySet<string> RangesAgainstMemslotUpdates(BedOptions options, ulong seed) => Run(options, seed, async bed =>
    {
        var vm = await bed.CreateVmAsync();
        List<Lane> tasks =
        [
            bed.Spawn(OperationKind.MemslotCreate, async op =>
            {
                await vm.PlugAsync(op);
                await vm.TouchAsync(VmLayout.HotplugGfn, write: true);
                await vm.UnplugAsync(op);
                await vm.PlugAsync(op);
            }),
        ];
        for (var i = 0; i < 3; i++) tasks.Add(bed.SpawnEvent(HostEventKind.DontNeed, vm, VmLayout.HotplugHva, 2, hold: 20));
        tasks.Add(bed.Spawn(OperationKind.Fault, async _ =>
        {
            for (var i = 0; i < 3; i++) await vm.TouchAsync(VmLayout.HotplugGfn, write: false, retriesMax: 200);
        }));
        await Bed.WhenAllAsync(tasks);
        return vm;
    });

    /// <summary>The VM goes between start and end of a range (I9); the end comes before, in the middle of, or after unregister.</summary>
    public static IReadOnlySet<string> TeardownInsideARange(BedOptions options, TeardownOrder order, ulong seed)
    {
        var bed = new Bed(options, seed);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            await vm.TouchAsync(BedVm.RamGfn(0), write: true);
            var held = bed.NewOperation(HostEventKind.HeldRange);
            await bed.Host.OpenRangeAsync(
                held, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new HvaRange(BedVm.RamHva(0), 2)));
            await Bed.WhenAllAsync(
                bed.Spawn(OperationKind.VmDestroy, async op => await vm.TearDownAsync(op, order)),
                bed.SpawnEvent(HostEventKind.Reclaim, vm, BedVm.RamHva(0), 3, hold: 10),
                bed.Spawn(HostEventKind.HeldRange, async op =>
                {
                    await bed.World.DelayAsync((long)(seed % 64));
                    await bed.Host.CloseRangeAsync(held);
                }));
            Assert.True(bed.Host.Usage.IsNothing, bed.Host.Usage.ToString());
        });
        return Judge(bed, result);
    }

    /// <summary>KSM merges pages while vCPUs fault on them (I10).</summary>
    public static IReadOnlySet<string> FaultsAgainstMerging(BedOptions options, ulong seed, Action<Bed>? inspect = null) =>
        Run(options, seed, async bed =>
        {
            var vm = await bed.CreateVmAsync();
            foreach (var page in (long[])[0, 1])
                await vm.Vm.SoftwareWriter.WriteAsync(bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(page), 7);
            List<Lane> tasks = [bed.SpawnEvent(HostEventKind.KsmScan, vm, default, 12)];
            foreach (var page in (long[])[0, 1])
                tasks.Add(bed.Spawn(OperationKind.Fault, async _ =>
                {
                    for (var i = 0; i < 4; i++) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
                }));
            await Bed.WhenAllAsync(tasks);
            inspect?.Invoke(bed);
            return vm;
        });

    private static IReadOnlySet<string> Run(BedOptions options, ulong seed, Func<Bed, ValueTask<BedVm>> scenario)
    {
        var bed = new Bed(options, seed);
        var result = bed.Run(async () =>
        {
            var vm = await scenario(bed);
            vm.Vm.Checks.Ranges.Settled();
            await vm.Vm.Auditor.AuditAsync(bed.NewOperation(OperationKind.Audit));
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
            Assert.True(bed.Host.Usage.IsNothing, bed.Host.Usage.ToString());
        });
        return Judge(bed, result);
    }

    private static IReadOnlySet<string> Judge(Bed bed, ScheduleResult result)
    {
        if (result.Outcome == ScheduleOutcome.Failed) throw new InvalidOperationException(result.ToString(), result.Failure);
        var broken = bed.Broken(result);
        Assert.True(broken.Count > 0 || result.Outcome == ScheduleOutcome.Completed, result.ToString());
        return broken;
    }
}
