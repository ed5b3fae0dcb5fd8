using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;

namespace Livebed.Explorer.Searching;

/// <summary>How to search, and for how long.</summary>
public sealed record SearchOptions
{
    public StrategyKind Strategy { get; init; } = StrategyKind.Random;

    /// <summary>Schedule i, from 0 on, has the seed <c>Seed + i</c>; a finding names its own.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Most schedules that are played.</summary>
    public long Schedules { get; init; } = 10_000;

    /// <summary>PCT: ordering constraints that a bug may need.</summary>
    public int Depth { get; init; } = PctStrategy.DefaultDepth;

    /// <summary>DFS: switches away from a lane that could have gone on, at most, in one schedule.</summary>
    public int Preemptions { get; init; } = 2;

    /// <summary>Given the world of each schedule before it is played, to listen.</summary>
    public Action<VirtualWorld>? Attach { get; init; }

    /// <summary>Asked after every schedule: true ends the search, which then says that it was cut short.</summary>
    public Func<bool>? IsOver { get; init; }

    /// <summary>Told now and then how many schedules and steps there were.</summary>
    public Action<long, long>? Progress { get; init; }
}
