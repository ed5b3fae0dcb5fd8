using Livebed.Explorer.Beds;
using Livebed.Explorer.Scenarios;
using Livebed.Kvm.DirtyLog;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>Small scenes for the defects of dirty logging: a migration, and writers at the same time. Each returns the violated
/// invariants.</summary>
internal static class DirtyLogScenes
{
    private const int Writes = 160;

    // Two more than may never be used.
    private const int RingEntries = DirtyRing.Reserved + 2;

    /// <summary>Two vCPUs write the same four pages while logging is switched on, and through three rounds and final syncs.</summary>
    public static IReadOnlySet<string> RoundsAgainstWrites(BedOptions options, ulong seed) =>
        Run(options with { Vcpus = 2, RamPages = 4 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            await MigrateAsync(bed, vm, rounds: 3);
        });

    /// <summary>KVM itself writes two pages of a VM that is being logged, through rounds and final syncs.</summary>
    public static IReadOnlySet<string> RoundsAgainstSoftwareWrites(BedOptions options, ulong seed) =>
        Run(options with { RamPages = 4 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            var writers = Enumerable.Range(0, 2).Select(page => bed.Spawn(OperationKind.SoftwareWrite, async op =>
            {
                for (var i = 0; i < 3; i++) await vm.Vm.SoftwareWriter.WriteAsync(op, 0, BedVm.RamGfn(page), (ulong)(uint)(i + 1));
            })).ToList();
            await MigrateAsync(bed, vm, rounds: 2);
            await Bed.WhenAllAsync(writers);
        });

    /// <summary>Logging is switched on while two vCPUs write the pages, two of which the host takes away; then a final sync.</summary>
    public static IReadOnlySet<string> EnableAgainstWrites(BedOptions options, ulong seed) =>
        Run(options with { Vcpus = 2, RamPages = 4 }, seed, async (bed, vm) =>
        {
            var reclaim = bed.SpawnEvent(HostEventKind.Reclaim, vm, BedVm.RamHva(0), 2);
            await EnableAsync(bed, vm);
            await MigrateAsync(bed, vm, rounds: 1);
            await Bed.WhenAllAsync(reclaim);
        });

    /// <summary>Logging is switched on and off while two vCPUs write.</summary>
    public static IReadOnlySet<string> DisableAgainstWrites(BedOptions options, ulong seed) =>
        Run(options with { Vcpus = 2, RamPages = 4 }, seed, async (bed, vm) =>
        {
            for (var i = 0; i < 4; i++)
            {
                await EnableAsync(bed, vm);
                await vm.Session.DisableAsync(bed.NewOperation(OperationKind.DirtyLogDisable));
            }
        });

    /// <summary>On a CPU without accessed bits the host ages the pages while logging is switched on; a vCPU writes on.</summary>
    public static IReadOnlySet<string> EnableAgainstAgeing(BedOptions options, ulong seed) =>
        Run(options with { Vcpus = 2, RamPages = 2, HasAccessedBits = false }, seed, async (bed, vm) =>
        {
            // The first ageing flushes, the second leaves the TLBs alone.
            await bed.RunEventAsync(bed.NewOperation(HostEventKind.Ageing), vm.AddressSpaceId, BedVm.RamHva(0), 2);
            await bed.World.DelayAsync(200);
            var ageing = bed.SpawnEvent(HostEventKind.Ageing, vm, BedVm.RamHva(0), 2);
            await EnableAsync(bed, vm);
            await MigrateAsync(bed, vm, rounds: 2);
            await Bed.WhenAllAsync(ageing);
        });

    /// <summary>A vCPU writes more pages than its ring has entries, and no reap comes before it is full.</summary>
    public static IReadOnlySet<string> MoreWritesThanTheRingHolds(BedOptions options, ulong seed) =>
        Run(options with { Vcpus = 1, RamPages = RingEntries + 2, RingEntries = RingEntries, Frames = 128 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            await bed.World.DelayAsync(2_000);
            await MigrateAsync(bed, vm, rounds: 1);
        });

    /// <summary>The host asks which pages were used lately, while two vCPUs write and a migration goes its rounds.</summary>
    public static IReadOnlySet<string> RoundsAgainstAgeing(BedOptions options, ulong seed) =>
        Run(options with { Vcpus = 2, RamPages = 4 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            var ageing = bed.Spawn(HostEventKind.Ageing, async op =>
            {
                for (var i = 0; i < 8; i++) await bed.RunEventAsync(op, vm.AddressSpaceId, BedVm.RamHva(0), 4);
            });
            await MigrateAsync(bed, vm, rounds: 3);
            await Bed.WhenAllAsync(ageing);
        });

    private static async ValueTask EnableAsync(Bed bed, BedVm vm) =>
        Assert.True(await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]));

    private static async ValueTask MigrateAsync(Bed bed, BedVm vm, int rounds)
    {
        for (var i = 0; i < rounds; i++)
        {
            await vm.Session.RoundAsync(bed.NewOperation(OperationKind.DirtyLogGet));
            await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify));
        }
    }

    private static IReadOnlySet<string> Run(BedOptions options, ulong seed, Func<Bed, BedVm, ValueTask> scene) =>
        NotifierScenes.Run(
            options with { RamSlots = 1 }, seed, scene,
            guest: vcpu => new ScriptedGuest([.. Enumerable.Range(0, Writes).Select(i => Write(options, vcpu, i))]));

    private static GuestOperation Write(BedOptions options, int vcpu, int i) =>
        new(BedVm.RamGfn(i % options.RamPages), GuestAccessKind.Write, (1UL << 48) | ((ulong)(uint)vcpu << 40) | (ulong)(uint)(i + 1));
}
