using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Notifiers.Protocols;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>Small scenes for the defects of notifiers, faults, memslots, teardown and host: what runs at once; the schedule does the rest.
/// Each returns what was broken.</summary>
internal static class NotifierScenes
{
    // A scene takes some hundred steps; what is still going on after so many goes on for ever.
    private const long StepsMax = 20_000;

    /// <summary>The hot-plug memslot is deleted while vCPUs fault on it.</summary>
    public static IReadOnlySet<string> DeleteAgainstFaults(BedOptions options, ulong seed) => Run(options, seed, async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        await vm.TouchAsync(VmLayout.HotplugGfn, write: true);
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.MemslotDelete, async op => await vm.UnplugAsync(op)), Touch(bed, vm, VmLayout.HotplugGfn),
            Touch(bed, vm, VmLayout.HotplugGfn + 1));
    });

    /// <summary>The same, and the host takes its pages.</summary>
    public static IReadOnlySet<string> DeleteAgainstRanges(BedOptions options, ulong seed) => Run(options, seed, async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        for (var page = 0; page < 2; page++) await vm.TouchAsync(VmLayout.HotplugGfn + page, write: true);
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.MemslotDelete, async op => await vm.UnplugAsync(op)),
            bed.SpawnEvent(HostEventKind.DontNeed, vm, VmLayout.HotplugHva, 2),
            bed.SpawnEvent(HostEventKind.Reclaim, vm, VmLayout.HotplugHva, 2),
            // A reader for the update to wait for.
            Touch(bed, vm, BedVm.RamGfn(0)));
    });

    /// <summary>The same, and the host asks which of its pages were used lately.</summary>
    public static IReadOnlySet<string> DeleteAgainstAgeing(BedOptions options, ulong seed) => Run(options, seed, async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        for (var page = 0; page < 2; page++) await vm.TouchAsync(VmLayout.HotplugGfn + page, write: true);
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.MemslotDelete, async op => await vm.UnplugAsync(op)),
            bed.SpawnEvent(HostEventKind.Ageing, vm, VmLayout.HotplugHva, 2));
    });

    /// <summary>The same, and KSM merges two of its pages; the VM is arm64's, where change_pte maps the merged page.</summary>
    public static IReadOnlySet<string> DeleteAgainstMerging(BedOptions options, ulong seed) => Run(
        options with
        {
            RamPages = 2,
            RamSlots = 1,
            HotplugPages = 8,
            CustomProtocol = context => new ActiveCountProtocol(context, recent: false) { ChangePteMaps = true },
        },
        seed, async (bed, vm) =>
        {
            await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
            for (var page = 0; page < 8; page++)
                await vm.Vm.SoftwareWriter.WriteAsync(bed.NewOperation(OperationKind.SoftwareWrite), 0, VmLayout.HotplugGfn + page, 7);
            // The first pass only notes checksums; pages are merged in the second.
            await bed.RunEventAsync(bed.NewOperation(HostEventKind.KsmScan), vm.AddressSpaceId, default, 10);
            await Bed.WhenAllAsync(
                bed.SpawnEvent(HostEventKind.KsmScan, vm, default, 20),
                bed.Spawn(OperationKind.MemslotDelete, async op =>
                {
                    for (var i = 0; i < 4; i++)
                    {
                        await vm.UnplugAsync(op);
                        await vm.PlugAsync(op);
                    }
                }));
            Assert.True(bed.Host.Counters.KsmMerges > 0);
        });

    /// <summary>One range after the other over the hot-plug memory, two at a time, while its memslot comes and goes.</summary>
    public static IReadOnlySet<string> UpdatesBetweenRanges(BedOptions options, ulong seed) => Run(options, seed, async (bed, vm) =>
    {
        List<Lane> tasks =
        [
            bed.Spawn(OperationKind.MemslotCreate, async op =>
            {
                for (var i = 0; i < 3; i++)
                {
                    await vm.PlugAsync(op);
                    await vm.UnplugAsync(op);
                }
            }),
        ];
        for (var task = 0; task < 2; task++)
            tasks.Add(bed.Spawn(HostEventKind.DontNeed, async op =>
            {
                for (var i = 0; i < 8; i++) await bed.RunEventAsync(op, vm.AddressSpaceId, VmLayout.HotplugHva, 2);
            }));
        await Bed.WhenAllAsync(tasks);
    });

    /// <summary>A zap that yields mmu_lock after its last SPTE: what it zapped lies in one page of SPTEs, and its range reaches into the
    /// next.</summary>
    public static IReadOnlySet<string> ZapThatYieldsAtItsEnd(BedOptions options, ulong seed) =>
        Run(options with { RamPages = 300, RamSlots = 1, Frames = 400 }, seed, async (bed, vm) =>
        {
            // Guest RAM begins in the middle of a page of SPTEs: page 256 is the first of the next one.
            foreach (var page in (long[])[254, 255, 280, 281]) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
            List<Lane> tasks = [bed.SpawnEvent(HostEventKind.DontNeed, vm, BedVm.RamHva(250), 20)];
            // It yields to a waiter, and there is one while another holder flushes.
            foreach (var page in (long[])[280, 281]) tasks.Add(bed.SpawnEvent(HostEventKind.Reclaim, vm, BedVm.RamHva(page), 1));
            for (var page = 282; page < 288; page++) tasks.Add(Touch(bed, vm, BedVm.RamGfn(page)));
            await Bed.WhenAllAsync(tasks);
        });

    /// <summary>The process unmaps three mapped pages.</summary>
    public static IReadOnlySet<string> UnmapOfMappedPages(BedOptions options, ulong seed) => Run(options, seed, async (bed, vm) =>
    {
        for (var page = 0; page < 3; page++) await vm.TouchAsync(BedVm.RamGfn(page), write: true);
        await Bed.WhenAllAsync(bed.SpawnEvent(HostEventKind.Unmap, vm, BedVm.RamHva(0), 3));
    });

    /// <summary>vCPUs fault on neighbouring pages, first to read them and then to write.</summary>
    public static IReadOnlySet<string> FaultsOnNeighbours(BedOptions options, ulong seed) => Run(options, seed, async (bed, vm) =>
        await Bed.WhenAllAsync(Enumerable.Range(0, 3).Select(page => bed.Spawn(OperationKind.Fault, async _ =>
        {
            await vm.TouchAsync(BedVm.RamGfn(page), write: false);
            await vm.TouchAsync(BedVm.RamGfn(page), write: true);
        })).ToList()));

    /// <summary>A range ends while its VM goes.</summary>
    public static IReadOnlySet<string> RangeEndsDuringDestroy(BedOptions options, ulong seed) => Judge(options, seed, async bed =>
    {
        var vm = await bed.CreateVmAsync();
        var held = bed.NewOperation(HostEventKind.HeldRange);
        await bed.Host.OpenRangeAsync(held, new HostEvent(HostEventKind.HeldRange, vm.AddressSpaceId, new HvaRange(BedVm.RamHva(0), 1)));
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.VmDestroy, async op => await vm.TearDownAsync(op, TeardownOrder.VmFirst)),
            bed.Spawn(HostEventKind.HeldRange, async _ => await bed.Host.CloseRangeAsync(held)));
    });

    /// <summary>VM and process end at the same time.</summary>
    public static IReadOnlySet<string> BothEndAtOnce(BedOptions options, ulong seed) =>
        Run(options, seed, async (_, vm) => await vm.TouchAsync(BedVm.RamGfn(0), write: true), TeardownOrder.AtOnce);

    private static Lane Touch(Bed bed, BedVm vm, Gfn gfn) =>
        bed.Spawn(OperationKind.Fault, async _ =>
        {
            for (var i = 0; i < 3; i++) await vm.TouchAsync(gfn, write: true);
        });

    public static IReadOnlySet<string> Run(
        BedOptions options, ulong seed, Func<Bed, BedVm, ValueTask> scene, TeardownOrder end = TeardownOrder.VmFirst,
        Func<int, IPacedGuestProgram>? guest = null) =>
        Judge(options, seed, async bed =>
        {
            var vm = await bed.CreateVmAsync(guest);
            await scene(bed, vm);
            vm.Vm.Checks.Ranges.Settled();
            await vm.Vm.Auditor.AuditAsync(bed.NewOperation(OperationKind.Audit));
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), end);
        });

    private static IReadOnlySet<string> Judge(BedOptions options, ulong seed, Func<Bed, ValueTask> scene)
    {
        var bed = new Bed(options, seed);
        var result = bed.Run(
            async () =>
            {
                await scene(bed);
                Assert.True(bed.Host.Usage.IsNothing, bed.Host.Usage.ToString());
            },
            StepsMax);
        if (result.Outcome == ScheduleOutcome.Failed) throw new InvalidOperationException(result.ToString(), result.Failure);
        var broken = bed.Broken(result);
        Assert.True(broken.Count > 0 || result.Outcome == ScheduleOutcome.Completed, result.ToString());
        return broken;
    }
}
