namespace Livebed.Explorer.MutantRuns;

/// <summary>One search for one mutant.</summary>
/// <param name="Seed">of the search</param>
/// <param name="Schedules">that were played, the last of them the one that caught it</param>
/// <param name="Catch">null when none did</param>
/// <param name="FalseAlarm">what one of the same schedules broke without the mutant; only asked of the first seed</param>
public sealed record MutantSearchResult(ulong Seed, long Schedules, MutantCatch? Catch, MutantCatch? FalseAlarm);
