using Livebed.Explorer.Replays;
using Livebed.Kvm.Locks;

namespace Livebed.Explorer.Searching;

/// <summary>What a search saw.</summary>
public sealed record SearchResult
{
    public required long Schedules { get; init; }
    public required long Steps { get; init; }

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
