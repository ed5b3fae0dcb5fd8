using Livebed.Driver.Campaigns;
using Livebed.Driver.Counters;

namespace Livebed.Driver.Results;

/// <summary>
/// Judges a run. Invalid: an invariant was violated, something hung or leaked. Unknown: nothing was found, but the run was cut short,
/// lost contact with a part of the cluster, or did less than the campaign's minimum; a run that did nothing is never valid. Valid: the
/// rest. The reasons are sentences for people.
/// </summary>
public sealed record Verdict(VerdictKind Kind, IReadOnlyList<string> Reasons)
{
    public static Verdict Judge(Campaign campaign, RunOutcome outcome)
    {
        var faults = Faults(outcome);
        var doubts = Doubts(campaign, outcome);
        if (faults.Count > 0) return new(VerdictKind.Invalid, [.. faults, .. doubts]);
        if (doubts.Count > 0) return new(VerdictKind.Unknown, doubts);
        var counts = outcome.Counts;
        return new(VerdictKind.Valid, [
            Invariant($"{counts.ChecksEvaluated:N0} checks over {counts.Accesses:N0} guest accesses found nothing lost, stale or stuck."),
        ]);
    }

    private static List<string> Faults(RunOutcome outcome)
    {
        var faults = new List<string>();
        foreach (var group in outcome.Violations.GroupBy(violation => violation.Invariant))
            faults.Add($"Invariant {group.Key} was violated{Times(group.Count())}: {Sentence(group.First().Message)}");
        foreach (var group in outcome.Hangs.GroupBy(hang => hang.Kind))
            faults.Add($"{group.Key}{Times(group.Count())}: {Sentence(group.First().Message)}");
        foreach (var (what, read) in LeakResult.Kinds)
        {
            if (read(outcome.Leaks) is > 0 and var left) faults.Add(Invariant($"Left after every VM was torn down: {left:N0} {what}."));
        }

        return faults;
    }

    private static List<string> Doubts(Campaign campaign, RunOutcome outcome)
    {
        var doubts = new List<string>();
        if (outcome.Interrupted)
            doubts.Add(Invariant($"Interrupted after {outcome.DurationSeconds:0.0} s of {campaign.Duration.TotalSeconds:0.0} s."));
        doubts.AddRange(outcome.ContactLost.Select(Sentence));
        doubts.AddRange(outcome.Silos.Where(silo => silo.ContactLost).Select(silo => $"Contact with silo {silo.Name} was lost."));
        foreach (var (counter, least) in campaign.Minimum)
        {
            var done = CounterTable.Read(outcome.Counts, counter);
            if (done < least)
                doubts.Add(Invariant($"Too little was done: {counter} is {done:N0}, the campaign asks for at least {least:N0}."));
        }

        if (CounterTable.All.All(counter => counter.Read(outcome.Counts) == 0)) doubts.Add("The run did nothing.");
        return doubts;
    }

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
