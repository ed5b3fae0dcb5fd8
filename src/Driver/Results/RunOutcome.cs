using Livebed.Driver.Counters;

namespace Livebed.Driver.Results;

/// <summary>
/// What a runner hands back: plain data, everything that results.json needs beyond the campaign itself. Dictionaries are by operation
/// name (<see cref="Kvm.World.OperationKind"/>); the verdict is not the runner's to give.
/// </summary>
public sealed record RunOutcome
{
    public IReadOnlyList<SiloResult> Silos { get; init; } = [];

    /// <summary>From the first operation to the last, without start-up and tear-down.</summary>
    public double DurationSeconds { get; init; }

    /// <summary>Of the warm-up, which is in no figure; null when the run ended in it, and the figures are those of the
    /// warm-up.</summary>
    public double? WarmUpSeconds { get; init; } = 0;

    /// <summary>The run was cut short by the user.</summary>
    public bool Interrupted { get; init; }

    /// <summary>Why the verdict is unknown, one sentence each: contact lost, a silo died, an audit gave up.</summary>
    public IReadOnlyList<string> ContactLost { get; init; } = [];

    public Counts Counts { get; init; } = new();

    /// <summary>By case (<see cref="Kvm.Checks.ReachedCase"/>): how often it was met; those that were not are absent.</summary>
    public IReadOnlyDictionary<string, long> Reached { get; init; } = new Dictionary<string, long>();

    public DeliveredLoad Load { get; init; } = DeliveredLoad.None;

    public IReadOnlyDictionary<string, LatencySummary> Latency { get; init; } = new Dictionary<string, LatencySummary>();
    public IReadOnlyList<LockResult> Locks { get; init; } = [];
    public IReadOnlyList<PotentialCycle> PotentialCycles { get; init; } = [];
    public IReadOnlyList<HangResult> Hangs { get; init; } = [];
    public IReadOnlyList<ViolationResult> Violations { get; init; } = [];
    public IReadOnlyList<MigrationResult> Migrations { get; init; } = [];
    public LatencySummary TurnQueue { get; init; } = LatencySummary.Empty;
    public KsmResult Ksm { get; init; } = new();
    public LeakResult Leaks { get; init; } = new();
    public IReadOnlyList<GuestResult> Guests { get; init; } = [];

    /// <summary>Guests without a row.</summary>
    public int GuestsUnlisted { get; init; }

    public IReadOnlyList<LimitHit> LimitsHit { get; init; } = [];

    /// <summary>Faults that were made on purpose.</summary>
    public IReadOnlyList<NemesisResult> Nemesis { get; init; } = [];

    /// <summary>How far owners were judged (M2, M4).</summary>
    public OwnersJudged Owners { get; init; } = new(long.MaxValue, IsSettled: false);

    /// <summary>Planned faults that did not begin, though the run came to its end.</summary>
    public int FaultsNotBegun { get; init; }

    /// <summary>What is drawn over time; null of a run that did not come so far.</summary>
    public RunCharts? Charts { get; init; }
}

/// <summary>How far owners were judged.</summary>
/// <param name="Before">up to this time, by the monotonic clock</param>
/// <param name="IsSettled">all was over, so no guest might stand still</param>
public sealed record OwnersJudged(long Before, bool IsSettled);
