using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Xunit.Abstractions;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>The defects of dirty logging, dirty rings and KVM's own writes, each in a small scene: caught with it, clean without
/// it.</summary>
public sealed class DirtyLogMutantTests(ITestOutputHelper output)
{
    private const ulong SeedsMax = 400;

    private static readonly Dictionary<Mutant, (DirtyLogMode Mode, Func<BedOptions, ulong, IReadOnlySet<string>> Run)> Scenes = new()
    {
        [Mutant.ProtectBeforeXchg] = (DirtyLogMode.Bitmap, DirtyLogScenes.RoundsAgainstWrites),
        [Mutant.CopyBeforeClear] = (DirtyLogMode.Manual, DirtyLogScenes.RoundsAgainstWrites),
        [Mutant.FinalSyncBeforeVcpusLeft] = (DirtyLogMode.Bitmap, DirtyLogScenes.RoundsAgainstWrites),
        [Mutant.SoftwareWriteMarksWrongPage] = (DirtyLogMode.Bitmap, DirtyLogScenes.RoundsAgainstSoftwareWrites),
        [Mutant.RingEntryConsumedUnharvested] = (DirtyLogMode.Ring, DirtyLogScenes.RoundsAgainstWrites),
        [Mutant.RingFullExitForgotten] = (DirtyLogMode.Ring, DirtyLogScenes.MoreWritesThanTheRingHolds),
        [Mutant.AllSetClearDoesNotProtect] = (DirtyLogMode.InitiallySet, DirtyLogScenes.RoundsAgainstWrites),
        [Mutant.EnableProtectsBeforePublish] = (DirtyLogMode.Bitmap, DirtyLogScenes.EnableAgainstWrites),
        [Mutant.NonAtomicSpteUpdate] = (DirtyLogMode.Bitmap, DirtyLogScenes.RoundsAgainstAgeing),
        [Mutant.BitmapFreedWithSlotInUse] = (DirtyLogMode.Bitmap, DirtyLogScenes.DisableAgainstWrites),
        [Mutant.RingOffsetUnchecked] = (DirtyLogMode.Ring, DirtyRingScenes.OffsetRewrittenDuringReset),
        [Mutant.RingResetUnbounded] = (DirtyLogMode.Ring, DirtyRingScenes.EntriesRearmedDuringReset),
        [Mutant.RingMarkWithoutVcpu] = (DirtyLogMode.Ring, DirtyRingScenes.TablesSavedBetweenRounds),
        [Mutant.AccessTrackingWithoutFlush] = (DirtyLogMode.Bitmap, DirtyLogScenes.EnableAgainstAgeing),
    };

    public static TheoryData<string> Names =>
        [.. Mutant.All.Where(entry => Scenes.ContainsKey(entry)).Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_scene_catches_the_mutant_by_an_invariant_that_the_catalog_names(string name)
    {
        var entry = Mutant.Find(name)!;
        for (ulong seed = 1; seed <= SeedsMax; seed++)
        {
            var broken = Run(entry, entry, seed);
            if (broken.Count == 0) continue;
            output.WriteLine($"{name}: {string.Join(", ", broken)} with seed {seed}");
            Assert.True(
                entry.CaughtBy.Any(broken.Contains),
                $"caught by {string.Join(", ", broken)}, the catalog says {string.Join(", ", entry.CaughtBy)}");
            return;
        }

        Assert.Fail($"{name} was not caught in {SeedsMax} schedules");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_same_scene_is_clean_without_the_mutant(string name)
    {
        var entry = Mutant.Find(name)!;
        for (ulong seed = 1; seed <= SeedsMax; seed++)
        {
            var broken = Run(entry, null, seed);
            Assert.True(broken.Count == 0, $"seed {seed}: {string.Join(", ", broken)}");
        }
    }

    private static IReadOnlySet<string> Run(Mutant entry, Mutant? mutant, ulong seed)
    {
        var (mode, run) = Scenes[entry];
        return run(new BedOptions(entry.Protocol) { Mutant = mutant, DirtyLog = mode }, seed);
    }
}
