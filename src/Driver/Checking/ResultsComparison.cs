using Livebed.Driver.Counters;
using Livebed.Driver.Results;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Checking;

/// <summary>Where results.json says something else than the history, a line each.</summary>
internal static class ResultsComparison
{
    public static IReadOnlyList<string> Differences(RunResults results, Verdict verdict, RunOutcome outcome, int nemesisFaults)
    {
        var found = new List<string>();
        Compare(found, "the verdict", KebabCase.Of(results.Verdict), verdict.Rule.Outcome);
        foreach (var reason in results.Reasons.Except(verdict.Reasons)) found.Add($"only the results have the reason: {reason}");
        foreach (var reason in verdict.Reasons.Except(results.Reasons)) found.Add($"only the history has the reason: {reason}");
        foreach (var (name, read) in CounterTable.All) Compare(found, $"counts.{name}", read(results.Counts), read(outcome.Counts));
        Compare(found, "durationSeconds", results.DurationSeconds, Math.Round(outcome.DurationSeconds, 3));
        Compare(found, "deliveredShare", results.DeliveredShare, outcome.Load.Share);
        foreach (var (what, read) in LeakResult.Kinds) Compare(found, $"leaks: {what}", read(results.Leaks), read(outcome.Leaks));
        ByName(found, "violations of", Violations(results.Violations), Violations(outcome.Violations));
        ByName(found, "hangs:", Hangs(results.Hangs), Hangs(outcome.Hangs));
        ByName(
            found, "reached:", results.Reached.Where(one => one.Times > 0).Select(one => KeyValuePair.Create(one.Case, (int)one.Times)),
            outcome.Reached.Where(one => one.Value > 0).Select(one => KeyValuePair.Create(one.Key, (int)one.Value)));
        Compare(found, "nemesis", results.Nemesis.Count, outcome.Nemesis.Count);
        foreach (var (one, other) in results.Nemesis.Zip(outcome.Nemesis)) Compare(found, $"nemesis: {one.Fault}", Text(one), Text(other));
        Compare(found, "faults of the nemesis that ended, in results and in the operations", results.Nemesis.Count, nemesisFaults);
        return found;
    }

    private static IEnumerable<KeyValuePair<string, int>> Violations(IEnumerable<ViolationResult> violations) =>
        violations.CountBy(violation => violation.Invariant);

    private static IEnumerable<KeyValuePair<string, int>> Hangs(IEnumerable<HangResult> hangs) =>
        hangs.CountBy(hang => KebabCase.Of(hang.Kind));

    private static void ByName(
        List<string> found, string what, IEnumerable<KeyValuePair<string, int>> results, IEnumerable<KeyValuePair<string, int>> history)
    {
        var (one, other) = (results.ToDictionary(), history.ToDictionary());
        foreach (var name in one.Keys.Union(other.Keys).Order(StringComparer.Ordinal))
            Compare(found, $"{what} {name}", one.GetValueOrDefault(name), other.GetValueOrDefault(name));
    }

    private static void Compare<T>(List<string> found, string what, T results, T history)
    {
        if (!EqualityComparer<T>.Default.Equals(results, history))
            found.Add(FormattableString.Invariant($"{what}: {results} in the results, {history} by the history"));
    }

    private static string Text(NemesisResult fault)
    {
        var lost = fault.Lost.Count == 0 ? "none" : string.Join(", ", fault.Lost.Select(vm => vm.Actor));
        var when = FormattableString.Invariant($"from {fault.BeganMicroseconds} to {fault.EndedMicroseconds} us");
        return $"{fault.Fault} {fault.Target} {when}, {fault.Problem ?? "as planned"}, lost {lost}";
    }
}
