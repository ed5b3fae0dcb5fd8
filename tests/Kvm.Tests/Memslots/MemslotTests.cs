using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Notifiers.Protocols;
using Livebed.Kvm.Paging;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Memslots;

public sealed class MemslotTests
{
    private const int Id = VmLayout.HotplugSlotId;
    private static readonly Gfn Place = VmLayout.HotplugGfn;

    public static TheoryData<string> Protocols => [.. ProtocolCatalog.All.Select(entry => entry.Name)];

    [Fact]
    public void A_created_slot_maps_its_pages_and_both_sets_have_it() => Run(async (bed, vm) =>
    {
        Assert.Equal(FaultStatus.Mmio, (await vm.TouchAsync(Place, write: false)).Status);
        var generation = vm.Vm.Memslots.Generation;
        Assert.Equal(MemslotResult.Ok, await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate)));
        Assert.Equal(generation + 1, vm.Vm.Memslots.Generation);
        Assert.Equal<Memslot>(vm.Vm.Memslots.Active.Slots, vm.Vm.Memslots.Inactive.Slots);
        var reply = await vm.TouchAsync(Place + 1, write: true);
        Assert.Equal((FaultStatus.Mapped, VmLayout.HotplugHva + 1), (reply.Status, reply.Translation.Hva));
    });

    [Fact]
    public void A_deleted_slot_is_unmapped_before_it_leaves_and_after_it_there_is_nothing() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        await vm.TouchAsync(Place, write: true);
        var (swaps, present) = (vm.Vm.Memslots.Swaps, vm.Vm.Sptes.Present);
        Assert.Equal(MemslotResult.Ok, await vm.UnplugAsync(bed.NewOperation(OperationKind.MemslotDelete)));
        Assert.Equal((swaps + 2, present - 1), (vm.Vm.Memslots.Swaps, vm.Vm.Sptes.Present));
        Assert.Null(vm.Vm.Memslots.Inactive.ById(Id));
        Assert.Equal(FaultStatus.Mmio, (await vm.TouchAsync(Place, write: false)).Status);
    });

    [Fact]
    public void A_moved_slot_shows_the_same_memory_at_its_new_place_only() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        var before = await vm.TouchAsync(Place, write: true);
        Assert.Equal(MemslotResult.Ok, await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotMove), moved: true));
        Assert.Equal(FaultStatus.Mmio, (await vm.TouchAsync(Place, write: false)).Status);
        var after = await vm.TouchAsync(VmLayout.HotplugGfnMoved, write: true);
        Assert.Equal((before.Translation.Hva, before.Translation.Pfn), (after.Translation.Hva, after.Translation.Pfn));
    });

    [Fact]
    public void A_move_by_less_than_its_size_leaves_nothing_of_the_old_place() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        for (var page = 0; page < bed.Options.HotplugPages; page++) await vm.TouchAsync(Place + page, write: true);
        Assert.Equal(MemslotResult.Ok, await Set(bed, vm, Id, Place + 1, bed.Options.HotplugPages, VmLayout.HotplugHva));
        Assert.Equal(FaultStatus.Mmio, (await vm.TouchAsync(Place, write: false)).Status);
        Assert.Equal(VmLayout.HotplugHva, (await vm.TouchAsync(Place + 1, write: false)).Translation.Hva);
    });

    [Fact]
    public void A_read_only_slot_gives_writes_to_user_space() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.ReadOnly);
        var read = await vm.TouchAsync(Place, write: false);
        Assert.Equal((FaultStatus.Mapped, false), (read.Status, read.Translation.Writable));
        Assert.Equal(FaultStatus.Mmio, (await vm.TouchAsync(Place, write: true)).Status);
        Assert.Equal(1, vm.Vm.Counters.MmioExits);
    });

    [Fact]
    public void A_version_that_was_replaced_is_freed_when_its_last_reader_has_gone_and_not_before() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        var replaced = vm.Vm.Memslots.Find(Place)!;
        var reader = bed.NewOperation(OperationKind.Fault);
        var section = vm.Vm.Srcu.ReadLock(reader);
        var update = bed.Spawn(OperationKind.MemslotFlags, async op => await vm.PlugAsync(op, MemslotFlags.LogDirtyPages));
        await bed.World.DelayAsync(1_000);
        Assert.NotEqual(replaced, vm.Vm.Memslots.Find(Place));
        Assert.False(replaced.IsFreed);
        vm.Vm.Srcu.ReadUnlock(reader, section);
        await update.Completion;
        Assert.True(replaced.IsFreed);
        Assert.All(vm.Vm.Memslots.Active.Slots, slot => Assert.False(slot.IsFreed));
    });

    [Fact]
    public void A_write_to_a_read_only_slot_that_is_INVALID_is_no_MMIO_yet() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate), MemslotFlags.ReadOnly);
        var reader = bed.NewOperation(OperationKind.Fault);
        var section = vm.Vm.Srcu.ReadLock(reader);
        var update = bed.Spawn(OperationKind.MemslotDelete, async op => await vm.UnplugAsync(op));
        await bed.World.DelayAsync(1_000);
        Assert.True(vm.Vm.Memslots.Find(Place)!.IsInvalid);
        Assert.Equal(FaultStatus.Retry, (await vm.TouchAsync(Place, write: true, retriesMax: 3)).Status);
        vm.Vm.Srcu.ReadUnlock(reader, section);
        await update.Completion;
        Assert.Equal(FaultStatus.Mmio, (await vm.TouchAsync(Place, write: true)).Status);
    });

    [Fact]
    public void Change_pte_maps_the_new_page_read_only_on_arm64_and_nothing_on_x86()
    {
        foreach (var isArm64 in (bool[])[false, true])
            Run(
                new BedOptions("active-count")
                {
                    CustomProtocol = context => new ActiveCountProtocol(context, recent: false) { ChangePteMaps = isArm64 },
                },
                async (bed, vm) =>
                {
                    await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
                    await vm.Vm.Notifier.ChangePteAsync(bed.NewOperation(HostEventKind.KsmScan), VmLayout.HotplugHva + 1, new Pfn(3));
                    Assert.Equal(isArm64, vm.Vm.Sptes.TryGet(Place + 1, out var spte));
                    if (isArm64) Assert.Equal((3, false), (spte.Pfn, spte.IsWritable));
                });
    }

    [Fact]
    public void What_the_ioctl_refuses_changes_nothing() => Run(async (bed, vm) =>
    {
        await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
        var pages = bed.Options.HotplugPages;
        var before = vm.Vm.Memslots.Active.Slots.ToList();
        Assert.Equal(MemslotResult.Overlap, await Set(bed, vm, 7, Place + (pages - 1), 1, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Overlap, await Set(bed, vm, Id, BedVm.RamGfn(0), pages, VmLayout.HotplugHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(0), 0, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, Id, Place, pages + 1, VmLayout.HotplugHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, Id, Place, pages, VmLayout.HotplugHva + 1));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, Id, Place, pages, VmLayout.HotplugHva, MemslotFlags.ReadOnly));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(0), 1, VmLayout.ScratchHva, MemslotFlags.Invalid));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(0), -1, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(-1), 1, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(0), 1L << 40, VmLayout.ScratchHva));
        Assert.Equal(before, vm.Vm.Memslots.Active.Slots);
        Assert.Equal(10, vm.Vm.Counters.MemslotRefusals);
    });

    [Fact]
    public void Ids_that_are_KVMs_own_and_addresses_beyond_the_guests_are_refused() => Run(async (bed, vm) =>
    {
        const int Last = MemslotUpdater.FirstPrivateId - 1;
        const long Pages = 1L << 40;
        Assert.Equal(MemslotResult.Ok, await Set(bed, vm, Last, new Gfn(Pages - 1), 1, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, Last + 1, new Gfn(1L << 30), 1, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(Pages), 1, VmLayout.ScratchHva));
        // The search for an overlap comes first.
        Assert.Equal(MemslotResult.Overlap, await Set(bed, vm, 7, new Gfn(Pages - 1), 2, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Ok, await Set(bed, vm, Last, default, 0, VmLayout.ScratchHva));
        Assert.Equal(MemslotResult.Invalid, await Set(bed, vm, 7, new Gfn(Pages - 1), 2, VmLayout.ScratchHva));
    });

    [Fact]
    public void A_dying_VM_takes_no_updates() => Run(async (bed, vm) =>
    {
        await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        Assert.Equal(MemslotResult.Dead, await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate)));
        Assert.Null(await vm.Vm.MemslotUpdates.SetLoggingAsync(bed.NewOperation(OperationKind.DirtyLogEnable), 0, logs: true));
    });

    [Theory]
    [MemberData(nameof(Protocols))]
    public void Faults_meet_the_INVALID_slot_and_retry_until_it_is_gone(string protocol)
    {
        var retries = 0L;
        for (ulong seed = 1; seed <= 100; seed++)
        {
            var bed = new Bed(new BedOptions(protocol), seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
                FaultReply reply = default;
                await Bed.WhenAllAsync(
                    bed.Spawn(OperationKind.MemslotDelete, async op => await vm.UnplugAsync(op)),
                    bed.Spawn(OperationKind.Fault, async _ =>
                    {
                        while (reply.Status != FaultStatus.Mmio) reply = await vm.TouchAsync(Place, write: true);
                    }));
                retries += vm.Vm.Counters.FaultRetries;
                Assert.False(vm.Vm.Sptes.TryGet(Place, out _));
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
        }

        Assert.True(retries > 0);
    }

    private static ValueTask<MemslotResult> Set(
        Bed bed, BedVm vm, int id, Gfn gfn, long pages, Hva hva, MemslotFlags flags = MemslotFlags.None) =>
        vm.SetMemslotAsync(bed.NewOperation(OperationKind.MemslotCreate), id, gfn, pages, hva, flags);

    private static void Run(Func<Bed, BedVm, ValueTask> claim) => Run(new BedOptions("active-count"), claim);

    private static void Run(BedOptions options, Func<Bed, BedVm, ValueTask> claim)
    {
        var bed = new Bed(options, seed: 1);
        var result = bed.Run(async () => await claim(bed, await bed.CreateVmAsync()));
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }
}
