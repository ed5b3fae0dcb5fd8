using Livebed.Explorer.Strategies;

namespace Livebed.Explorer.MutantRuns;

/// <summary>The schedule that ended a search, and what it broke.</summary>
/// <param name="By">the invariant; one that the mutant names, if it broke several. Or what a lane threw</param>
/// <param name="IsNamed">whether the mutant names it</param>
/// <param name="Message">of the violation</param>
/// <param name="Strategy">with the next: `explore` repeats it</param>
/// <param name="ScheduleSeed">the schedule's own seed</param>
public sealed record MutantCatch(string By, bool IsNamed, string Message, StrategyKind Strategy, ulong ScheduleSeed);
