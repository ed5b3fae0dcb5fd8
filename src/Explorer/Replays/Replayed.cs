using Livebed.Explorer.Scenarios;

namespace Livebed.Explorer.Replays;

/// <summary>A replay that was played.</summary>
/// <param name="Played">how it ended</param>
/// <param name="Schedule">what was really run: the same as written for an exact replay that did not diverge</param>
/// <param name="Divergence">where an exact replay could not be followed any more; null when it could to the end</param>
public sealed record Replayed(Played Played, IReadOnlyList<ScheduleRun> Schedule, string? Divergence)
{
    /// <summary>The invariants that it broke, each once, in the order in which they were seen.</summary>
    public IReadOnlyList<string> Violates { get; } = [.. Played.Violations.Select(violation => violation.Invariant).Distinct()];

    public ulong LogHash => Played.Result.LogHash;

    /// <summary>What was run, as a replay that can be followed exactly; everything else is <paramref name="of"/>'s.</summary>
    public Replay ToReplay(Replay of) => of with { Schedule = Schedule, Violates = Violates, LogHash = LogHash };
}
