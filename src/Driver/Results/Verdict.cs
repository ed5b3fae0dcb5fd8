using Livebed.Driver.Campaigns;
using Livebed.Driver.Counters;
using Livebed.Driver.Errors;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Results;

/// <summary>What a run says about what it tested, by the first of the <see cref="VerdictRule"/>s that holds. The reasons are sentences for
/// people, of every rule that holds.</summary>
public sealed record Verdict(VerdictRule Rule, IReadOnlyList<string> Reasons)
{
    public VerdictKind Kind => Rule.Kind!.Value;

    public static Verdict Judge(Campaign campaign, RunOutcome outcome)
    {
        var holding = VerdictRule.All.Where(rule => rule != VerdictRule.Valid)
            .Select(rule => (Rule: rule, Reasons: rule.Find(campaign, outcome).ToList()))
            .Where(one => one.Reasons.Count > 0).ToList();
        return holding.Count > 0
            ? new(holding[0].Rule, [.. holding.SelectMany(one => one.Reasons)])
            : new(VerdictRule.Valid, [.. VerdictRule.Valid.Find(campaign, outcome)]);
    }

    /// <summary>An interrupt is told by the exit status, whatever was found until then.</summary>
    public static int ExitCode(VerdictKind kind, bool isInterrupted) => isInterrupted
        ? VerdictRule.Interrupted.ExitCode
        : VerdictRule.All.First(rule => rule.Kind == kind && rule != VerdictRule.Interrupted).ExitCode;
}

/// <summary>
/// A rule of the verdict. docs/results.md has the list as a table, and a test walks it. A run that did nothing is never valid.
/// </summary>
/// <param name="Name">of the rule</param>
/// <param name="Condition">when it holds, in words</param>
/// <param name="Kind">the verdict; null where there are no results to have one: the run has failed</param>
/// <param name="ExitCode">of the command</param>
/// <param name="Find">the reasons, a sentence each; none when the rule does not hold</param>
public sealed record VerdictRule(
    string Name, string Condition, VerdictKind? Kind, int ExitCode, Func<Campaign, RunOutcome, IEnumerable<string>> Find)
{
    public static readonly VerdictRule Violated = new(
        "violated", "an invariant was violated", VerdictKind.Invalid, ExitCodes.Invalid, (_, outcome) => outcome.Violations
            .GroupBy(violation => violation.Invariant)
            .Select(group => $"Invariant {group.Key} was violated{Times(group.Count())}: {Sentence(group.First().Message)}"));

    public static readonly VerdictRule Hung = new(
        "hung", "an operation hung: a deadlock, an orphaned hold, starvation", VerdictKind.Invalid, ExitCodes.Invalid,
        (_, outcome) => outcome.Hangs.GroupBy(hang => hang.Kind)
            .Select(group => $"{group.Key}{Times(group.Count())}: {Sentence(group.First().Message)}"));

    public static readonly VerdictRule LeftBehind = new(
        "left-behind", "something was left after every VM was torn down", VerdictKind.Invalid, ExitCodes.Invalid, (_, outcome) => LeakResult
            .Kinds.Where(kind => kind.Read(outcome.Leaks) > 0)
            .Select(kind => Invariant($"Left after every VM was torn down: {kind.Read(outcome.Leaks):N0} {kind.What}.")));

    /// <summary>An exception goes past the results: <see cref="CommandLine"/> ends the command with this status.</summary>
    public static readonly VerdictRule BedFailed = new(
        "bed-failed", "the bed itself failed before there were results", null, ExitCodes.BedFailed, (_, _) => []);

    public static readonly VerdictRule Interrupted = new(
        "interrupted", "the run was interrupted", VerdictKind.Unknown, ExitCodes.Interrupted, (campaign, outcome) => outcome.Interrupted
            ? [Invariant($"Interrupted after {outcome.DurationSeconds:0.0} s of {Part(campaign, outcome).TotalSeconds:0.0} s")
                + (outcome.WarmUpSeconds is null ? " of warm-up." : ".")]
            : []);

    public static readonly VerdictRule ContactLost = new(
        "contact-lost", "a silo was lost, a part of the bed broke, or operations did not end", VerdictKind.Unknown, ExitCodes.Unknown,
        (_, outcome) => outcome.ContactLost.Select(Sentence)
            .Concat(outcome.Silos.Where(silo => silo.ContactLost).Select(silo => $"Contact with silo {silo.Name} was lost.")));

    public static readonly VerdictRule FaultNotMade = new(
        "fault-not-made", "a planned fault of the nemesis did not begin, had no effect, or was not healed", VerdictKind.Unknown,
        ExitCodes.Unknown, (_, outcome) => outcome.Nemesis.Where(fault => fault.Problem is not null)
            .Select(fault => Sentence($"The fault {fault.Fault} of {fault.Target} was not as planned: {fault.Problem}"))
            .Concat(outcome.FaultsNotBegun == 0
                ? []
                : [Invariant($"Of the planned faults {outcome.FaultsNotBegun:N0} did not begin, as those before took too long.")]));

    public static readonly VerdictRule BelowMinimum = new(
        "below-minimum", "a counter is below the campaign's `minimum`", VerdictKind.Unknown, ExitCodes.Unknown,
        (campaign, outcome) => campaign.Minimum
            .Select(entry => (Counter: entry.Key, Least: entry.Value, Done: CounterTable.Read(outcome.Counts, entry.Key)))
            .Where(one => one.Done < one.Least)
            .Select(one => Invariant(
                $"Too little was done: {one.Counter} is {one.Done:N0}, the campaign asks for at least {one.Least:N0}")
                + campaign.ScaledFrom(one.Counter) + "."));

    public static readonly VerdictRule UnderDelivered = new(
        "under-delivered", "less of the load was delivered than the campaign's `minimum.deliveredShare`", VerdictKind.Unknown,
        ExitCodes.Unknown, (campaign, outcome) => outcome.Load.Shortfall(campaign.MinimumDeliveredShare) is { } shortfall
            ? [Invariant($"Too little of the load was delivered: {outcome.Load.Share:0.000} of it, the campaign asks for at least ")
                + Invariant($"{campaign.MinimumDeliveredShare:0.###}; {shortfall}.")]
            : []);

    public static readonly VerdictRule CaseNeverMet = new(
        "case-never-met", "a case of the campaign's `reached` was met less often than asked", VerdictKind.Unknown, ExitCodes.Unknown,
        (campaign, outcome) => campaign.Reached
            .Select(entry => (Case: entry.Key, Least: entry.Value, Times: outcome.Reached.GetValueOrDefault(entry.Key)))
            .Where(one => one.Times < one.Least)
            .Select(one => Invariant(
                $"The case {one.Case} was met {one.Times:N0} times, the campaign asks for at least {one.Least:N0}: {Sentence(
                    ReachedCase.Find(one.Case)?.Sentence ?? "")}")));

    public static readonly VerdictRule DidNothing = new(
        "did-nothing", "every counter is 0", VerdictKind.Unknown, ExitCodes.Unknown,
        (_, outcome) => CounterTable.All.All(counter => counter.Read(outcome.Counts) == 0) ? ["The run did nothing."] : []);

    public static readonly VerdictRule Valid = new(
        "valid", "none of these holds", VerdictKind.Valid, ExitCodes.Valid, (_, outcome) =>
        [
            Invariant($"{outcome.Counts.ChecksEvaluated:N0} checks over {outcome.Counts.Accesses:N0} guest accesses ")
                + "found nothing lost, stale or stuck.",
        ]);

    /// <summary>In order of precedence: the first that holds decides.</summary>
    public static IReadOnlyList<VerdictRule> All { get; } =
        [Violated, Hung, LeftBehind, BedFailed, Interrupted, ContactLost, FaultNotMade, BelowMinimum, UnderDelivered, CaseNeverMet,
            DidNothing, Valid];

    /// <summary>"failed" for a run without results.</summary>
    public string Outcome => Kind is { } kind ? KebabCase.Of(kind) : "failed";

    private static TimeSpan Part(Campaign campaign, RunOutcome outcome) =>
        outcome.WarmUpSeconds is null ? campaign.WarmUp ?? TimeSpan.Zero : campaign.Duration;

    private static string Times(int count) => count == 1 ? "" : Invariant($" ({count:N0} times)");

    private static string Sentence(string text) => text.Length > 0 && text[^1] is '.' or '!' or '?' ? text : text + ".";

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}

/// <summary>What a run says about what it tested.</summary>
public enum VerdictKind
{
    Valid,
    Invalid,
    Unknown,
}
