using Livebed.Explorer.Beds;
using Livebed.Kvm.Mutants;
using Xunit.Abstractions;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>The defects of dirty logs and dirty rings, each in a small scene: caught with it, clean without it.</summary>
public sealed class DirtyLogMutantTests(ITestOutputHelper output)
{
    private const ulong SeedsMax = 400;

    private static readonly Dictionary<Mutant, Func<BedOptions, ulong, IReadOnlySet<string>>> Scenes = new()
    {
        [Mutant.RingFullExitForgotten] = DirtyLogScenes.MorePagesThanEntries,
        [Mutant.RingEntryConsumedUnharvested] = DirtyLogScenes.ReapsAgainstWrites,
        [Mutant.RingOffsetUnchecked] = DirtyLogScenes.OffsetRewrittenDuringReset,
        [Mutant.RingResetUnbounded] = DirtyLogScenes.EntriesRearmedDuringReset,
        [Mutant.RingMarkWithoutVcpu] = DirtyLogScenes.TablesSavedBetweenRounds,
        [Mutant.BitmapFreedWithSlotInUse] = DirtyLogScenes.DisableAgainstWrites,
        [Mutant.AllSetButClearDoesNotProtect] = DirtyLogScenes.GuestsAgainstAllSet,
        [Mutant.EnableProtectsBeforePublish] = DirtyLogScenes.GuestsAgainstEnable,
    };

    public static TheoryData<string> Names => [.. MutantCatalog.All.Where(entry => Scenes.ContainsKey(entry.Id)).Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_scene_catches_the_mutant_by_an_invariant_that_the_catalog_names(string name)
    {
        var entry = MutantCatalog.Find(name)!;
        var options = new BedOptions(entry.Protocol) { Mutant = entry.Id };
        for (ulong seed = 1; seed <= SeedsMax; seed++)
        {
            var broken = Scenes[entry.Id](options, seed);
            if (broken.Count == 0) continue;
            output.WriteLine($"{name}: {string.Join(", ", broken)} with seed {seed}");
            Assert.True(entry.CaughtBy.Any(broken.Contains), $"caught by {string.Join(", ", broken)}, the catalog says {string.Join(", ", entry.CaughtBy)}");
            return;
        }

        Assert.Fail($"{name} was not caught in {SeedsMax} schedules");
    }

    [Theory]
    [MemberData(nameof(Names))]
    public void The_same_scene_is_clean_without_the_mutant(string name)
    {
        var entry = MutantCatalog.Find(name)!;
        for (ulong seed = 1; seed <= SeedsMax; seed++)
        {
            var broken = Scenes[entry.Id](new BedOptions(entry.Protocol), seed);
            Assert.True(broken.Count == 0, $"seed {seed}: {string.Join(", ", broken)}");
        }
    }
}
