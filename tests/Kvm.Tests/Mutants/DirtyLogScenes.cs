using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Tests.Scheduling;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>Small scenes for the defects of dirty logs and dirty rings: what runs at once; the schedule does the rest. Each returns what was broken.</summary>
internal static class DirtyLogScenes
{
    // A scene takes some thousand steps; what is still going on after so many goes on for ever.
    private const long StepsMax = 200_000;

    // As many as fit before a vCPU must leave, and a few more.
    private const int SmallRing = 80;

    /// <summary>Two vCPUs write more pages than the ring has entries; user space reaps when they leave.</summary>
    public static IReadOnlySet<string> MorePagesThanEntries(BedOptions options, ulong seed) => Run(
        WithRings(options) with { RamPages = 96 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            await Bed.WhenAllAsync(Write(bed, vm, Enumerable.Range(0, 48)), Write(bed, vm, Enumerable.Range(48, 48)));
        });

    /// <summary>Two vCPUs write while user space reaps.</summary>
    public static IReadOnlySet<string> ReapsAgainstWrites(BedOptions options, ulong seed) => Run(WithRings(options), seed, async (bed, vm) =>
    {
        await EnableAsync(bed, vm);
        await Bed.WhenAllAsync(
            Write(bed, vm, [0, 1, 2]), Write(bed, vm, [3, 4, 5]),
            bed.Spawn(OperationKind.DirtyRingReap, async op =>
            {
                for (var i = 0; i < 3; i++) await vm.Session.RoundAsync(op);
            }));
    });

    /// <summary>While a reset runs, user space writes the last offset that there is into an entry whose neighbour is page 0.</summary>
    public static IReadOnlySet<string> OffsetRewrittenDuringReset(BedOptions options, ulong seed) => Run(WithRings(options), seed, async (bed, vm) =>
    {
        await EnableAsync(bed, vm);
        await Write(bed, vm, [5, 0]).Completion;
        var reaped = false;
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.DirtyRingReap, async op =>
            {
                await vm.Session.ReapAsync(op);
                reaped = true;
            }),
            bed.World.Spawn("hostile user space", async () =>
            {
                while (!reaped && !vm.Vm.DirtyRings.TryRewriteOffset(0, ulong.MaxValue)) await bed.World.PointAsync(SchedulingPoint.Retry);
            }));
    });

    /// <summary>While a reset runs, user space arms again what it has consumed.</summary>
    public static IReadOnlySet<string> EntriesRearmedDuringReset(BedOptions options, ulong seed) => Run(
        WithRings(options) with { RamSlots = 2 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            // By turns from both memslots, so that each entry is a batch of its own.
            await Write(bed, vm, [0, 8, 1, 9, 2, 10, 3, 11]).Completion;
            var reaped = false;
            await Bed.WhenAllAsync(
                bed.Spawn(OperationKind.DirtyRingReap, async op =>
                {
                    await vm.Session.ReapAsync(op);
                    reaped = true;
                }),
                bed.World.Spawn("hostile user space", async () =>
                {
                    while (!reaped)
                    {
                        vm.Vm.DirtyRings.Rearm(0);
                        await bed.World.PointAsync(SchedulingPoint.Retry);
                    }
                }));
        });

    /// <summary>KVM writes without a vCPU between two rounds of a log that uses rings.</summary>
    public static IReadOnlySet<string> TablesSavedBetweenRounds(BedOptions options, ulong seed) => Run(WithRings(options), seed, async (bed, vm) =>
    {
        await EnableAsync(bed, vm);
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.SoftwareWrite, async op => await vm.Session.SaveTablesAsync(op, BedVm.RamGfn(5), 9)),
            bed.Spawn(OperationKind.DirtyLogGet, async op => await vm.Session.RoundAsync(op)), Write(bed, vm, [3, 4]));
        await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify));
    });

    /// <summary>Logging is switched off while vCPUs write.</summary>
    public static IReadOnlySet<string> DisableAgainstWrites(BedOptions options, ulong seed) => Run(
        options with { DirtyLog = DirtyLogMode.Bitmap, RamSlots = 1 }, seed, async (bed, vm) =>
        {
            await EnableAsync(bed, vm);
            await Bed.WhenAllAsync(
                bed.Spawn(OperationKind.DirtyLogDisable, async op => await vm.Session.DisableAsync(op)), Write(bed, vm, [0, 1, 2]), Write(bed, vm, [3, 4, 5]));
        });

    /// <summary>Guests write before, during and after a round of a log that begins with all bits set.</summary>
    public static IReadOnlySet<string> GuestsAgainstAllSet(BedOptions options, ulong seed) => GuestsAgainstRounds(options, DirtyLogMode.InitiallySet, rounds: 1, seed);

    /// <summary>Guests write while logging is switched on, and nothing is looked at before the final sync.</summary>
    public static IReadOnlySet<string> GuestsAgainstEnable(BedOptions options, ulong seed) => GuestsAgainstRounds(options, DirtyLogMode.Bitmap, rounds: 0, seed);

    private static IReadOnlySet<string> GuestsAgainstRounds(BedOptions options, DirtyLogMode mode, int rounds, ulong seed)
    {
        options = options with { DirtyLog = mode, RamPages = 4, RamSlots = 1, Vcpus = 2 };
        return Run(
            options, seed, async (bed, vm) =>
            {
                await bed.World.DelayAsync(30);
                await EnableAsync(bed, vm);
                for (var i = 0; i < rounds; i++) await vm.Session.RoundAsync(bed.NewOperation(OperationKind.DirtyLogGet));
                await bed.World.DelayAsync(30);
                await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify));
            },
            vcpu => new RandomGuest(options, seed * 8 + (ulong)vcpu, 1, vcpu));
    }

    private static BedOptions WithRings(BedOptions options) => options with { DirtyLog = DirtyLogMode.Ring, RingEntries = SmallRing, RamSlots = 1 };

    private static async ValueTask EnableAsync(Bed bed, BedVm vm) =>
        await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [.. Enumerable.Range(0, bed.Options.RamSlots)]);

    /// <summary>vCPU 0 writes the pages one after the other, and leaves to user space whenever its ring is full.</summary>
    private static Lane Write(Bed bed, BedVm vm, IEnumerable<int> pages) => bed.Spawn(OperationKind.Fault, async op =>
    {
        foreach (var page in pages)
            while ((await vm.TouchAsync(BedVm.RamGfn(page), write: true)).Status == FaultStatus.RingFull) await vm.Session.ReapAsync(op);
    });

    private static IReadOnlySet<string> Run(
        BedOptions options, ulong seed, Func<Bed, BedVm, ValueTask> scene, Func<int, IPacedGuestProgram>? guest = null)
    {
        var bed = new Bed(options, seed);
        var result = bed.Run(
            async () =>
            {
                var vm = await bed.CreateVmAsync(guest);
                await scene(bed, vm);
                await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
                Assert.True(bed.Host.Usage.IsNothing, bed.Host.Usage.ToString());
            },
            StepsMax);
        if (result.Outcome == ScheduleOutcome.Failed) throw new InvalidOperationException(result.ToString(), result.Failure);
        var broken = bed.Broken(result);
        Assert.True(broken.Count > 0 || result.Outcome == ScheduleOutcome.Completed, result.ToString());
        return broken;
    }
}
