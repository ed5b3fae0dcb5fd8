using Livebed.Explorer.Beds;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Tests.Protocols;
using Xunit.Abstractions;

namespace Livebed.Kvm.Tests.Mutants;

/// <summary>The defects of notifiers, faults, memslots, teardown and host, each in a small scene: caught with it, clean without
/// it.</summary>
public sealed class NotifierMutantTests(ITestOutputHelper output)
{
    private const ulong SeedsMax = 400;

    private static readonly Dictionary<Mutant, Func<BedOptions, ulong, IReadOnlySet<string>>> Scenes = new()
    {
        [Mutant.HullResetAtAnyEnd] = Interleavings.FaultsAgainstRanges,
        [Mutant.HullAddedAfterYield] = (options, seed) => Interleavings.FaultsAgainstAZapThatYields(options, seed),
        [Mutant.ResetBeforeUnregister] = NotifierScenes.RangeEndsDuringDestroy,
        [Mutant.WakeWithoutRecheck] = NotifierScenes.UpdatesBetweenRanges,
        [Mutant.DeleteWithoutSrcuSync] = NotifierScenes.DeleteAgainstFaults,
        [Mutant.WalkWithoutSrcu] = NotifierScenes.DeleteAgainstAgeing,
        [Mutant.InvalidSlotTakenAsMmio] = NotifierScenes.DeleteAgainstFaults,
        [Mutant.ChangePteMapsInvalidSlot] = NotifierScenes.DeleteAgainstMerging,
        [Mutant.UnmapSkipsInvalidSlot] = NotifierScenes.DeleteAgainstRanges,
        [Mutant.ZapAfterSecondSwap] = NotifierScenes.DeleteAgainstFaults,
        [Mutant.RetryInsideSrcu] = NotifierScenes.DeleteAgainstFaults,
        [Mutant.ReleaseNotSerialised] = NotifierScenes.BothEndAtOnce,
        [Mutant.RangeTooNarrow] = NotifierScenes.UnmapOfMappedPages,
        [Mutant.FlushOfAnEmptyRange] = NotifierScenes.UnmapOfMappedPages,
        [Mutant.PfnAssumedContiguous] = NotifierScenes.FaultsOnNeighbours,
        [Mutant.ReadOnlyLeftMmuWritable] = NotifierScenes.FaultsOnNeighbours,
        [Mutant.ZapYieldDropsFlush] = NotifierScenes.ZapThatYieldsAtItsEnd,
    };

    public static TheoryData<string> Names =>
        [.. Mutant.All.Where(entry => Scenes.ContainsKey(entry)).Select(entry => entry.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_scene_catches_the_mutant_by_an_invariant_that_the_catalog_names(string name)
    {
        var entry = Mutant.Find(name)!;
        var options = new BedOptions(entry.Protocol) { Mutant = entry };
        for (ulong seed = 1; seed <= SeedsMax; seed++)
        {
            var broken = Scenes[entry](options, seed);
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
            var broken = Scenes[entry](new BedOptions(entry.Protocol), seed);
            Assert.True(broken.Count == 0, $"seed {seed}: {string.Join(", ", broken)}");
        }
    }
}
