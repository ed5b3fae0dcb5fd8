using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;

namespace Livebed.Grains.Contracts;

/// <summary>
/// What an actor tells the driver when asked: counters and statistics since it began, and what is new since the last report (violations,
/// history). It is the only way in which the driver learns anything, so it works the same in one process and over many.
/// </summary>
public sealed record ActorReport
{
    public required string Actor { get; init; }
    public required string Silo { get; init; }

    /// <summary>By camelCase name, since the actor began.</summary>
    public IReadOnlyDictionary<string, long> Counters { get; init; } = new Dictionary<string, long>();

    public IReadOnlyList<LockReport> Locks { get; init; } = [];
    public IReadOnlyList<LockEdgeReport> LockOrder { get; init; } = [];

    /// <summary>Lock classes that were asked for in write mode, one bit each: a queued writer is what makes a nested read a cycle.</summary>
    public ulong WrittenClasses { get; init; }

    /// <summary>Who waits now.</summary>
    public IReadOnlyList<WaitSnapshot> Waits { get; init; } = [];

    /// <summary>Operations that run now, by id.</summary>
    public IReadOnlyList<long> LiveOperations { get; init; } = [];

    /// <summary>Since the last report.</summary>
    public IReadOnlyList<Violation> Violations { get; init; } = [];

    /// <summary>Since the last report.</summary>
    public IReadOnlyList<HistoryEntry> History { get; init; } = [];

    /// <summary>Starts and stops of guests of migrating VMs since the last report, in order.</summary>
    public IReadOnlyList<GuestRunsEntry> GuestRuns { get; init; } = [];

    /// <summary>Of a host: the last reports of VMs and vCPUs that went away on it with nobody to report to, since its last report. Who was dropped in a migration may have found something.</summary>
    public IReadOnlyList<ActorReport> LastOfOthers { get; init; } = [];

    /// <summary>History entries that had no room, since the actor began.</summary>
    public long HistoryDropped { get; init; }

    /// <summary>HdrHistograms since the actor began, encoded; empty when nothing was recorded.</summary>
    public byte[] FaultLatency { get; init; } = [];

    public byte[] TurnWait { get; init; } = [];

    /// <summary>What of the actor is broken and no check's business: an exception of the bed itself.</summary>
    public string? Failure { get; init; }
}
