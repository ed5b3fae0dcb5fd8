using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

/// <summary>
/// What an actor tells the driver when asked: counters and statistics since its figures count, and what is new since the last report
/// (violations, history). It is the only way in which the driver learns anything, so it works the same in one process and over many.
/// </summary>
public sealed record ActorReport
{
    public required string Actor { get; init; }
    public required string Silo { get; init; }

    /// <summary>Since when its figures count, by the machine's monotonic clock: since it began, or since it was told to count anew.
    /// Figures are counters, cases and lock statistics.</summary>
    public long MeasuredSince { get; init; }

    public ActorCounters Counters { get; init; } = new();

    /// <summary>As <see cref="ActorCounters.Progress"/>, but always since the actor began.</summary>
    public long Progress { get; init; }

    /// <summary>The cases that it met since its figures count.</summary>
    public IReadOnlyList<ReachedReport> Reached { get; init; } = [];

    /// <summary>How long the silo ran and stood still.</summary>
    public RunningTime Running { get; init; }

    public IReadOnlyList<LockReport> Locks { get; init; } = [];
    /// <summary>All edges of the lock order, where there are more than at the last report; else none.</summary>
    public IReadOnlyList<LockEdgeReport> LockOrder { get; init; } = [];

    /// <summary>Lock classes that were asked for in write mode, one bit each: a queued writer is what makes a nested read a
    /// cycle.</summary>
    public ulong WrittenClasses { get; init; }

    /// <summary>Current waits.</summary>
    public IReadOnlyList<WaitSnapshot> Waits { get; init; } = [];

    /// <summary>Operations that run now, by id.</summary>
    public IReadOnlyList<long> LiveOperations { get; init; } = [];

    /// <summary>Since the last report.</summary>
    public IReadOnlyList<Violation> Violations { get; init; } = [];

    /// <summary>Since the last report.</summary>
    public IReadOnlyList<HistoryEntry> History { get; init; } = [];

    /// <summary>Starts and stops of guests of migrating VMs since the last report, in order.</summary>
    public IReadOnlyList<GuestRunsEntry> GuestRuns { get; init; } = [];

    /// <summary>Of a vCPU: its newest batch of guest accesses since the last report; null when there was none.</summary>
    public GuestAccessesEntry? GuestAccesses { get; init; }

    /// <summary>Of a host: the last reports of VMs and vCPUs that ended there without a caller to report to, since its last report. A VM
    /// that a migration dropped may have found a violation.</summary>
    public IReadOnlyList<ActorReport> LastOfOthers { get; init; } = [];

    /// <summary>History entries that had no room, since the actor began.</summary>
    public long HistoryDropped { get; init; }

    /// <summary>What of the actor is broken and no check's business: an exception of the bed itself.</summary>
    public string? Failure { get; init; }
}

/// <summary>A migrating VM's guest is about to run on a host, or has stopped there; see <see cref="Kvm.World.IModelObserver.GuestRuns"/>.
/// In order of time they are what <see cref="Kvm.Migration.OneOwnerCheck"/> and <see cref="Kvm.Migration.RunsSomewhereCheck"/>
/// judge.</summary>
/// <param name="Vm">as the inventory calls it</param>
/// <param name="Host">where</param>
/// <param name="Epoch">under which epoch</param>
/// <param name="Runs">or has stopped</param>
/// <param name="MonotonicMicroseconds">the machine's monotonic clock, the same for all silos of a machine</param>
public sealed record GuestRunsEntry(string Vm, string Host, long Epoch, bool Runs, long MonotonicMicroseconds);

/// <summary>A vCPU gave its host a batch of guest accesses; the vCPU's key says of which VM and where. A vCPU that runs on under an old
/// epoch shows by it, whatever the sides of a migration say: <see cref="Kvm.Migration.OneOwnerCheck.Accessed"/>.</summary>
/// <param name="Epoch">that the batch carries</param>
/// <param name="MonotonicMicroseconds">when it began, as in <see cref="GuestRunsEntry"/></param>
public sealed record GuestAccessesEntry(long Epoch, long MonotonicMicroseconds);

/// <summary>One line of the history as an actor saw it: an operation began (invoke) or ended (ok, fail, info).</summary>
/// <param name="MonotonicMicroseconds">the machine's monotonic clock, the same for all silos of a machine</param>
/// <param name="Type">invoke, ok, fail or info</param>
/// <param name="Operation">kind, kebab-case</param>
/// <param name="OperationId">the operation</param>
/// <param name="Value">what came of it, a few words</param>
public sealed record HistoryEntry(long MonotonicMicroseconds, string Type, string Operation, long OperationId, string? Value);

/// <summary>An edge of the lock-order graph by class indexes, which are the same in every process.</summary>
public sealed record LockEdgeReport(int Held, LockMode HeldMode, int Asked, LockMode AskedMode, string Chain)
{
    public static IReadOnlyList<LockEdgeReport> From(LockOrderGraph graph) =>
        [.. graph.Edges.Select(entry => new LockEdgeReport(
            entry.Key.Held.Index, entry.Key.HeldMode, entry.Key.Asked.Index, entry.Key.AskedMode, entry.Value))];

    public void MergeInto(LockOrderGraph graph) =>
        graph.Merge(new LockOrderGraph.Edge(LockClass.ByIndex(Held), HeldMode, LockClass.ByIndex(Asked), AskedMode), Chain);
}

/// <summary>How often an actor met a case since its figures count.</summary>
/// <param name="Case">its <see cref="ReachedCase.Index"/></param>
/// <param name="Times">at least 1</param>
public readonly record struct ReachedReport(int Case, long Times)
{
    /// <param name="counts">since the actor began</param>
    /// <param name="before">those that do not count, by <see cref="ReachedCase.Index"/></param>
    /// <returns>those that were met; the others are absent</returns>
    public static IReadOnlyList<ReachedReport> From(ReachedCounts counts, long[] before) =>
    [
        .. ReachedCase.All.Where(one => counts[one] > before[one.Index])
            .Select(one => new ReachedReport(one.Index, counts[one] - before[one.Index])),
    ];
}

/// <summary>Statistics of one lock class in one mode at one actor, since its figures count.</summary>
public sealed record LockReport(string Class, LockMode Mode, LockStatistics Statistics);
