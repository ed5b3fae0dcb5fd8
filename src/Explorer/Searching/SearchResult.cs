using Livebed.Kvm.Checks;
using Livebed.Explorer.Replays;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Searching;

/// <summary>What a search saw.</summary>
public sealed record SearchResult
{
    public required long Schedules { get; init; }
    public required long Steps { get; init; }

    /// <summary>In how many schedules each case was met; those that were not are absent.</summary>
    public IReadOnlyDictionary<ReachedCase, long> Reached { get; init; } = new Dictionary<ReachedCase, long>();

    /// <summary>The first schedule that broke something; null when none did.</summary>
    public Finding? Finding { get; init; }

    /// <summary>The schedule with the largest objective; null when the scenario has none.</summary>
    public Extreme? Worst { get; init; }

    /// <summary>Lock orders that could deadlock, even if no schedule did.</summary>
    public required IReadOnlyList<LockCycle> PotentialDeadlocks { get; init; }

    /// <summary>Every schedule within the strategy's bound was played, or shown to be equal to one that was.</summary>
    public bool IsExhaustive { get; init; }

    /// <summary>Schedules given up because what would follow had been seen in an equal state (DFS).</summary>
    public long Equivalent { get; init; }

    /// <summary>Set when a limit of the strategy was hit: what the result cannot claim any more.</summary>
    public string? Limit { get; init; }

    /// <summary>A schedule and how large it made the objective.</summary>
    public sealed record Extreme(long Value, Replay Replay);
}

/// <summary>A schedule that broke something: what, after how many schedules, and how to repeat it.</summary>
/// <param name="Violations">at least one, unless a lane threw</param>
/// <param name="Schedule">its number in the search, from 1 on</param>
/// <param name="Seed">its own seed</param>
/// <param name="Replay">the schedule</param>
/// <param name="Failure">what a lane threw: a defect of the model or of the scenario</param>
/// <param name="Expected">the scenario's word on it, when it is known</param>
public sealed record Finding(
    IReadOnlyList<Violation> Violations, long Schedule, ulong Seed, Replay Replay, Exception? Failure, string? Expected);
