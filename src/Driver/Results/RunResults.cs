using System.Collections.Frozen;
using System.Text.Json.Serialization;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Counters;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Driver.Results;

/// <summary>
/// results.json, field by field in its order; docs/results.md explains each and a test holds the two together. Names do not change
/// between versions without a note there.
/// </summary>
public sealed record RunResults
{
    public required VerdictKind Verdict { get; init; }
    public required IReadOnlyList<string> Reasons { get; init; }
    public required string Name { get; init; }

    /// <summary>The campaign file, as the user gave it.</summary>
    public required string Campaign { get; init; }

    public required DateTimeOffset StartedAt { get; init; }
    public required string Command { get; init; }

    /// <summary>The build that ran; null in results of before it was written down.</summary>
    public BuildResult? Livebed { get; init; }

    public required long Seed { get; init; }
    public required string Protocol { get; init; }
    public required string Mutant { get; init; }
    public required Placement Placement { get; init; }
    public required IReadOnlyList<SiloResult> Silos { get; init; }
    public required double DurationSeconds { get; init; }

    /// <summary>See <see cref="RunOutcome.WarmUpSeconds"/>; 0 in results of before there was one.</summary>
    public double? WarmupSeconds { get; init; } = 0;

    public required Counts Counts { get; init; }

    /// <summary>Cases that were met or asked for; empty in results of before they were counted.</summary>
    public IReadOnlyList<ReachedResult> Reached { get; init; } = [];

    /// <summary>The part of the load that was delivered, 0 to 1; null in results of before it was measured.</summary>
    public double? DeliveredShare { get; init; }

    public IReadOnlyDictionary<string, OperationLoad> Load { get; init; } = new Dictionary<string, OperationLoad>();
    public required IReadOnlyDictionary<string, long> NotStarted { get; init; }
    public required IReadOnlyDictionary<string, LatencySummary> LatencyMicroseconds { get; init; }
    public required IReadOnlyList<LockResult> Locks { get; init; }
    public required LockOrderResult LockOrder { get; init; }
    public required IReadOnlyList<HangResult> Hangs { get; init; }
    public required IReadOnlyList<ViolationResult> Violations { get; init; }
    public required IReadOnlyList<MigrationResult> Migrations { get; init; }

    /// <summary>Waits for a grain's turn, in microseconds; apart from lock waits.</summary>
    public required LatencySummary TurnQueue { get; init; }

    public required KsmResult Ksm { get; init; }
    public required LeakResult Leaks { get; init; }
    public required IReadOnlyList<GuestResult> Guests { get; init; }

    /// <summary>Guests without a row: of very many the worst and a sample have one.</summary>
    public int GuestsUnlisted { get; init; }

    public required IReadOnlyList<LimitHit> LimitsHit { get; init; }

    /// <summary>Faults that were made on purpose; empty in results of before there were any.</summary>
    public IReadOnlyList<NemesisResult> Nemesis { get; init; } = [];

    public static RunResults From(Campaign campaign, RunIdentity run, RunOutcome outcome)
    {
        var verdict = Results.Verdict.Judge(campaign, outcome);
        return new()
        {
            Verdict = verdict.Kind,
            Reasons = verdict.Reasons,
            Name = campaign.Name,
            Campaign = run.CampaignFile,
            StartedAt = run.StartedAt,
            Command = run.Command,
            Livebed = new(ModelIdentity.Version, ModelIdentity.Commit, ModelIdentity.Model),
            Seed = campaign.Seed ?? 0,
            Protocol = campaign.Protocol,
            Mutant = campaign.Mutant,
            Placement = campaign.Placement,
            Silos = outcome.Silos,
            DurationSeconds = Math.Round(outcome.DurationSeconds, 3),
            WarmupSeconds = outcome.WarmUpSeconds is { } seconds ? Math.Round(seconds, 3) : null,
            Counts = outcome.Counts,
            Reached = ReachedResult.Of(campaign, outcome),
            DeliveredShare = outcome.Load.Share,
            Load = Sorted(outcome.Load.Operations),
            NotStarted = Sorted(outcome.Load.Operations.Where(entry => entry.Value.NotStarted > 0)
                .ToDictionary(entry => entry.Key, entry => entry.Value.NotStarted)),
            LatencyMicroseconds = Sorted(outcome.Latency),
            Locks = [.. outcome.Locks.OrderBy(row => row.Class, StringComparer.Ordinal).ThenBy(row => row.Mode, StringComparer.Ordinal)],
            LockOrder = new(outcome.PotentialCycles),
            Hangs = outcome.Hangs,
            Violations = outcome.Violations,
            Migrations = outcome.Migrations,
            TurnQueue = outcome.TurnQueue,
            Ksm = outcome.Ksm,
            Leaks = outcome.Leaks,
            Guests = outcome.Guests,
            GuestsUnlisted = outcome.GuestsUnlisted,
            LimitsHit = outcome.LimitsHit,
            Nemesis = outcome.Nemesis,
        };
    }

    private static SortedDictionary<string, T> Sorted<T>(IReadOnlyDictionary<string, T> values) =>
        new(values.ToDictionary(pair => pair.Key, pair => pair.Value), StringComparer.Ordinal);
}

/// <summary>Which run this is: the campaign file as given, when it began, and the command that repeats it.</summary>
public sealed record RunIdentity(string CampaignFile, DateTimeOffset StartedAt, string Command);

/// <summary>A build, see <see cref="ModelIdentity"/>.</summary>
public sealed record BuildResult(string Version, string Commit, string Model);

/// <summary>One silo: its name, address, process, whether the driver lost contact with it before the end, and how many connections for
/// pages it refused because as many as it takes were open.</summary>
public sealed record SiloResult(string Name, string Address, int ProcessId, bool ContactLost, long PageConnectionsRefused = 0)
{
    /// <summary>Spans that a limit kept out, by the limit; results have their sums under <c>limitsHit</c>.</summary>
    [JsonIgnore]
    public IReadOnlyDictionary<SpanLimit, long> SpansSuppressed { get; init; } = FrozenDictionary<SpanLimit, long>.Empty;
}

/// <summary>One VM's guest: how much it did, how far its slowest vCPU was behind its program at the end, and which part of its program it
/// executed, 0 to 1; null without a rate, and in results of before it was measured.</summary>
public sealed record GuestResult(
    string Vm, int Vcpus, string? Trace, long Accesses, long BehindMicroseconds, double? ExecutedShare = null);

/// <summary>The counters of /sys/kernel/mm/ksm at the end, summed over hosts, and merges that the reference-count test gave up.</summary>
public sealed record KsmResult
{
    public long PagesShared { get; init; }
    public long PagesSharing { get; init; }
    public long PagesUnshared { get; init; }
    public long PagesVolatile { get; init; }
    public long FullScans { get; init; }
    public long MergesAbandoned { get; init; }
}

/// <summary>A case (<see cref="ReachedCase"/>), how often it was met, and how often the campaign asked for it at least.</summary>
public sealed record ReachedResult(string Case, long Times, long Needed)
{
    public static IReadOnlyList<ReachedResult> Of(Campaign campaign, RunOutcome outcome) =>
    [
        .. ReachedCase.All
            .Select(one => new ReachedResult(
                one.Name, outcome.Reached.GetValueOrDefault(one.Name), campaign.Reached.GetValueOrDefault(one.Name)))
            .Where(one => one.Times > 0 || one.Needed > 0),
    ];
}

/// <summary>A bound that was reached: which, how often (or how much was dropped), and what that means.</summary>
public sealed record LimitHit(string Limit, long Times, string Message);

/// <summary>What was left after every VM was torn down; anything above 0 makes the run invalid.</summary>
public sealed record LeakResult
{
    public long Frames { get; init; }
    public long Subscriptions { get; init; }
    public long Activations { get; init; }
    public long Locks { get; init; }

    public static IReadOnlyList<(string What, Func<LeakResult, long> Read)> Kinds { get; } =
    [
        ("frames", leaks => leaks.Frames),
        ("notifier subscriptions", leaks => leaks.Subscriptions),
        ("grain activations", leaks => leaks.Activations),
        ("held locks", leaks => leaks.Locks),
    ];
}

/// <summary>A broken invariant; see <see cref="Violation"/>. Seed and command that repeat it stand at the top of results.json.</summary>
public sealed record ViolationResult(
    string Invariant, string Message, string? Silo, string? Vm, long? Gfn, long? Hva, int? Pfn,
    IReadOnlyList<string> Operations, IReadOnlyList<string> Witness)
{
    /// <summary>Instead of a silo, of what is judged over all of them.</summary>
    public const string OwnersSilo = "cluster";

    /// <summary>Found by the checks of owners, which a stored history can be judged by again.</summary>
    [JsonIgnore]
    public bool IsOfOwners => Silo == OwnersSilo;

    public static ViolationResult From(Violation violation, string? silo = null) => new(
        violation.Invariant, violation.Message, silo, violation.Vm, violation.Gfn?.Value, violation.Hva?.Value, violation.Pfn?.Value,
        [.. (violation.Operations ?? []).Select(id => id.ToString())], violation.Witness ?? []);
}

/// <summary>What lock-order checking found.</summary>
public sealed record LockOrderResult(IReadOnlyList<PotentialCycle> PotentialCycles)
{
    public static readonly LockOrderResult Empty = new([]);
}

/// <summary>Lock classes that were taken in an order that could hang, although nothing did, with the chain behind each edge.</summary>
public sealed record PotentialCycle(string Cycle, IReadOnlyList<string> Chains)
{
    public static PotentialCycle From(LockCycle cycle) => new(cycle.ToString(), cycle.Chains);
}
