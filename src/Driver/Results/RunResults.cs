using Livebed.Driver.Campaigns;

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
    public required long Seed { get; init; }
    public required string Protocol { get; init; }
    public required string Mutant { get; init; }
    public required Placement Placement { get; init; }
    public required IReadOnlyList<SiloResult> Silos { get; init; }
    public required double DurationSeconds { get; init; }
    public required Counts Counts { get; init; }
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
    public required IReadOnlyList<LimitHit> LimitsHit { get; init; }

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
            Seed = campaign.Seed ?? 0,
            Protocol = campaign.Protocol,
            Mutant = campaign.Mutant,
            Placement = campaign.Placement,
            Silos = outcome.Silos,
            DurationSeconds = Math.Round(outcome.DurationSeconds, 3),
            Counts = outcome.Counts,
            NotStarted = Sorted(outcome.NotStarted),
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
            LimitsHit = outcome.LimitsHit,
        };
    }

    private static SortedDictionary<string, T> Sorted<T>(IReadOnlyDictionary<string, T> values) =>
        new(values.ToDictionary(pair => pair.Key, pair => pair.Value), StringComparer.Ordinal);
}
