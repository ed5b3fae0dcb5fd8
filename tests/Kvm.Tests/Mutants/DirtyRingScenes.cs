using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>Small scenes for the defects of dirty rings that need a user space that is no friend, or a writer that is no vCPU. Each returns
/// what was broken.</summary>
internal static class DirtyRingScenes
{
    private const int RingEntries = 80;

    /// <summary>While a reset runs, user space writes the largest offset into an entry beside page 0.</summary>
    public static IReadOnlySet<string> OffsetRewrittenDuringReset(BedOptions options, ulong seed) =>
        NotifierScenes.Run(WithRings(options), seed, async (bed, vm) =>
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
    public static IReadOnlySet<string> EntriesRearmedDuringReset(BedOptions options, ulong seed) => NotifierScenes.Run(
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
    public static IReadOnlySet<string> TablesSavedBetweenRounds(BedOptions options, ulong seed) =>
        NotifierScenes.Run(WithRings(options), seed, async (bed, vm) =>
    {
        await EnableAsync(bed, vm);
        await Bed.WhenAllAsync(
            bed.Spawn(OperationKind.SoftwareWrite, async op => await vm.Session.SaveTablesAsync(op, BedVm.RamGfn(5), 9)),
            bed.Spawn(OperationKind.DirtyLogGet, async op => await vm.Session.RoundAsync(op)), Write(bed, vm, [3, 4]));
        await vm.Session.VerifyAsync(bed.NewOperation(OperationKind.DirtyLogVerify));
    });

    private static BedOptions WithRings(BedOptions options) =>
        options with { DirtyLog = DirtyLogMode.Ring, RingEntries = RingEntries, RamSlots = 1, Architecture = KvmArchitecture.Arm64 };

    private static async ValueTask EnableAsync(Bed bed, BedVm vm) =>
        await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [.. Enumerable.Range(0, bed.Options.RamSlots)]);

    /// <summary>vCPU 0 writes the pages one after the other, and leaves to user space whenever its ring is full.</summary>
    private static Lane Write(Bed bed, BedVm vm, IEnumerable<int> pages) => bed.Spawn(OperationKind.Fault, async op =>
    {
        foreach (var page in pages)
            while ((await vm.TouchAsync(BedVm.RamGfn(page), write: true)).Status == FaultStatus.RingFull) await vm.Session.ReapAsync(op);
    });
}
