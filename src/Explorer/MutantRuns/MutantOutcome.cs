using Livebed.Kvm.Checks;

namespace Livebed.Explorer.MutantRuns;

/// <summary>What became of one mutant over all seeds. What was to come out is the entry's own word; nothing here knows any
/// mutant.</summary>
public sealed record MutantOutcome(Mutant Mutant, IReadOnlyList<MutantSearchResult> Searches)
{
    /// <summary>Why it could not be hunted at all; null when it was.</summary>
    public string? Problem { get; init; }

    /// <summary>The cases that its scenario exists for.</summary>
    public IReadOnlyList<ReachedCase> Needs { get; init; } = [];

    /// <summary>Those that no search met: where the mutant was missed, it was perhaps never tried.</summary>
    public IReadOnlyList<ReachedCase> NeverMet =>
        [.. Needs.Where(need => !Searches.Any(search => search.Met.Contains(need)))];

    /// <summary>How many searches met a case of the scenario's needs, at least one of them, in the schedule that caught it.</summary>
    public int CaughtInNeed => Searches.Count(search => search.Catch is not null && Needs.Any(search.MetAtLast.Contains));

    /// <summary>The invariants that caught it, the most frequent first.</summary>
    public IReadOnlyList<string> CaughtBy { get; } =
    [
        .. Searches.Where(search => search.Catch is not null).GroupBy(search => search.Catch!.By, StringComparer.Ordinal)
            .OrderByDescending(group => group.Count()).ThenBy(group => group.Key, StringComparer.Ordinal).Select(group => group.Key),
    ];

    public IReadOnlyList<ulong> MissedSeeds { get; } = [.. Searches.Where(search => search.Catch is null).Select(search => search.Seed)];

    /// <summary>Seeds that were ended by something that the mutant does not name.</summary>
    public IReadOnlyList<ulong> SurprisedSeeds { get; } = [
        .. Searches.Where(search => search.Catch is { IsNamed: false }).Select(search => search.Seed)];

    public MutantCatch? FalseAlarm { get; } = Searches.Select(search => search.FalseAlarm).FirstOrDefault(alarm => alarm is not null);

    /// <summary>Caught in every seed, by what it names, and by nothing without it.</summary>
    public bool IsGood =>
        Problem is null && Searches.Count > 0 && MissedSeeds.Count == 0 && SurprisedSeeds.Count == 0 && FalseAlarm is null;

    /// <summary>Schedules until it was caught, of the seeds that did; null when none did.</summary>
    public long? Min => Sorted is [var first, ..] ? first : null;

    public long? Max => Sorted is [.., var last] ? last : null;

    /// <summary>The larger one of the two in the middle when their number is even.</summary>
    public long? Median => Sorted.Count > 0 ? Sorted[Sorted.Count / 2] : null;

    private IReadOnlyList<long> Sorted { get; } = [
        .. Searches.Where(search => search.Catch is not null).Select(search => search.Schedules).Order()];
}
