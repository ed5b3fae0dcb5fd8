using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.DirtyLog;

public sealed class DirtyLogTests
{
    private const int Seeds = 60;

    public static TheoryData<DirtyLogMode> Modes =>
        [DirtyLogMode.Bitmap, DirtyLogMode.Manual, DirtyLogMode.InitiallySet, DirtyLogMode.Ring];

    [Theory]
    [MemberData(nameof(Modes))]
    public void No_write_is_lost_while_guests_and_KVM_write_and_the_host_takes_pages_away(DirtyLogMode mode)
    {
        long verified = 0, copied = 0, software = 0;
        for (ulong seed = 1; seed <= Seeds; seed++)
        {
            var bed = NewBed(mode, seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync(vcpu => new RandomGuest(bed.Options, seed * 8 + (ulong)vcpu, 1, vcpu));
                var writers = Enumerable.Range(0, 3).Select(writer => bed.Spawn(OperationKind.SoftwareWrite, async op =>
                {
                    for (var i = 0; i < 10; i++)
                    {
                        await vm.Vm.SoftwareWriter.WriteAsync(op, 0, BedVm.RamGfn((writer + i) % 4), (ulong)i);
                        await bed.World.DelayAsync(50);
                    }
                })).ToList();
                writers.Add(bed.SpawnEvent(HostEventKind.Reclaim, vm, BedVm.RamHva(0), 4, hold: 30));
                writers.Add(bed.SpawnEvent(HostEventKind.Fork, vm, BedVm.RamHva(0), 4, hold: 30));
                Assert.True(await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]));
                for (var i = 0; i < 4; i++)
                {
                    copied += await vm.Session.RoundAsync(bed.NewOperation(OperationKind.DirtyLogGet));
                    verified += await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify));
                    await bed.World.DelayAsync(100);
                }

                await vm.Session.DisableAsync(bed.NewOperation(OperationKind.DirtyLogDisable));
                await Bed.WhenAllAsync(writers);
                software += vm.Vm.Counters.SoftwareWrites;
                await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
        }

        Assert.Equal(Seeds * 4 * 4, verified);
        Assert.True(copied > Seeds && software > Seeds, $"{copied} copied, {software} software writes");
    }

    [Fact]
    public void A_full_ring_stops_the_vCPU_until_user_space_has_reaped()
    {
        var bed = new Bed(
            new BedOptions("active-count") { DirtyLog = DirtyLogMode.Ring, RingEntries = 66, Vcpus = 1, RamSlots = 1, RamPages = 32 },
            seed: 1);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync(vcpu => new RandomGuest(bed.Options, 5, 1, vcpu));
            await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]);
            await bed.World.DelayAsync(3_000);
            Assert.True(vm.Vm.Counters.DirtyRingFullExits > 3);
            Assert.True(vm.Vm.Counters.DirtyRingResets > 3);
            Assert.Equal(32, await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify)));
            await vm.QuiesceAsync(bed.NewOperation(OperationKind.VmDestroy));
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void More_software_writes_at_once_than_the_ring_has_room_for_are_refused_and_nothing_is_overwritten()
    {
        var bed = new Bed(new BedOptions("active-count") { DirtyLog = DirtyLogMode.Ring, RingEntries = 80, RamSlots = 1 }, seed: 1);
        var written = 0;
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]);
            var writers = Enumerable.Range(0, 200).Select(i => bed.Spawn(OperationKind.SoftwareWrite, async op =>
            {
                if (await vm.Vm.SoftwareWriter.WriteAsync(op, 0, BedVm.RamGfn(i % 16), (ulong)i)) written++;
            })).ToList();
            await Bed.WhenAllAsync(writers);
            Assert.Equal(16, await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify)));
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.Equal(80 - DirtyRing.Reserved, written);
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void Of_a_slot_that_was_deleted_or_moved_meanwhile_nothing_is_claimed(DirtyLogMode mode)
    {
        for (ulong seed = 1; seed <= 40; seed++)
        {
            var bed = NewBed(mode, seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync(vcpu => new RandomGuest(bed.Options, seed * 8 + (ulong)vcpu, 1, vcpu));
                await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
                await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0, VmLayout.HotplugSlotId]);
                await Bed.WhenAllAsync(
                    bed.Spawn(OperationKind.MemslotDelete, async op =>
                    {
                        if (seed % 2 == 0) await vm.UnplugAsync(op);
                        await vm.PlugAsync(op, moved: seed % 2 == 1);
                    }),
                    bed.Spawn(OperationKind.DirtyLogVerify, async op =>
                    {
                        await vm.Session.RoundAsync(op);
                        Assert.True(await vm.Session.VerifyAsync(op) >= bed.Options.RamPages);
                    }));
                await bed.World.DelayAsync(200);
                Assert.Equal(bed.Options.RamPages, await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify)));
                await vm.QuiesceAsync(bed.NewOperation(OperationKind.VmDestroy));
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
        }
    }

    [Theory]
    [MemberData(nameof(Modes))]
    public void A_verification_that_the_end_of_the_VM_overtakes_claims_nothing(DirtyLogMode mode)
    {
        for (ulong seed = 1; seed <= 60; seed++)
        {
            var bed = NewBed(mode, seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]);
                for (var page = 0; page < 4; page++)
                    await vm.Vm.SoftwareWriter.WriteAsync(bed.NewOperation(OperationKind.SoftwareWrite), 0, BedVm.RamGfn(page), 1);
                await Bed.WhenAllAsync(
                    bed.Spawn(OperationKind.DirtyLogVerify, async op => await vm.Session.VerifyAsync(op)),
                    bed.Spawn(OperationKind.VmDestroy, async op =>
                    {
                        await bed.World.DelayAsync((long)(seed % 30));
                        await vm.Vm.Teardown.DestroyAsync(op, sharesAddressSpace: false);
                    }));
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
        }
    }

    [Fact]
    public void Logging_that_user_space_switches_does_not_undo_a_memslot_update_in_between()
    {
        for (ulong seed = 1; seed <= 60; seed++)
        {
            var bed = NewBed(DirtyLogMode.Bitmap, seed);
            var result = bed.Run(async () =>
            {
                var vm = await bed.CreateVmAsync();
                await vm.PlugAsync(bed.NewOperation(OperationKind.MemslotCreate));
                await Bed.WhenAllAsync(
                    bed.Spawn(OperationKind.MemslotDelete, async op => await vm.UnplugAsync(op)),
                    bed.Spawn(OperationKind.DirtyLogEnable, async op => await vm.Session.EnableAsync(op, [VmLayout.HotplugSlotId])));
                Assert.Null(vm.Vm.Memslots.Active.ById(VmLayout.HotplugSlotId));
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, $"seed {seed}: {result}");
        }
    }

    [Fact]
    public void A_ring_that_would_be_soft_full_while_it_is_empty_is_refused() =>
        Assert.Throws<ArgumentOutOfRangeException>(() => new DirtyRing(default, DirtyRing.Reserved));

    private static Bed NewBed(DirtyLogMode mode, ulong seed) =>
        new(new BedOptions("active-count") { DirtyLog = mode, RamPages = 4, RamSlots = 1, Vcpus = 2, RingEntries = 80 }, seed);
}
