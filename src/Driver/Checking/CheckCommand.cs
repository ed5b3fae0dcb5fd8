using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;

namespace Livebed.Driver.Checking;

/// <summary>
/// `livebed check`: judges a stored run again from its history and its campaign, by the rules and the owners' checks of a run, and says
/// where results.json disagrees. The exit status is that of the verdict which the history gives.
/// </summary>
internal sealed class CheckCommand(CommandEnvironment environment)
{
    /// <summary>Lines about what differs.</summary>
    private const int DifferencesMax = 50;

    /// <param name="given">the folder of a run, as it was typed</param>
    public async Task<int> RunAsync(string given)
    {
        var (judged, exitCode) = await environment.Interrupts.AwaitAsync(() => Check(given));
        foreach (var line in judged) await environment.Out.WriteLineAsync(line);
        await environment.Out.FlushAsync();
        return exitCode;
    }

    private (IReadOnlyList<string> Lines, int ExitCode) Check(string given)
    {
        var folder = Path.GetFullPath(given, environment.Folders.Current);
        var results = StoredResults.Read(folder, given);
        var campaign = new CampaignReader(environment.Folders, environment.Traces).Read(
            Path.Combine(folder, RunFolder.CampaignFile), []);
        var history = StoredHistory.Read(
            Path.Combine(folder, RunFolder.HistoryFile), Path.Combine(given, RunFolder.HistoryFile));
        var outcome = OutcomeOf(history);
        var verdict = Verdict.Judge(campaign, outcome);
        List<string> lines =
        [
            $"verdict: {verdict.Rule.Outcome}",
            .. verdict.Reasons.Select(reason => $"  {reason}"),
            .. history.Problems.Select(problem => $"history.jsonl: {problem}"),
        ];
        if (history.End is null) return (lines, Verdict.ExitCode(verdict.Kind, isInterrupted: false));
        var differences = ResultsComparison.Differences(results, verdict, outcome, history.NemesisFaults);
        lines.AddRange(differences.Take(DifferencesMax).Select(difference => $"history and results disagree: {difference}"));
        if (differences.Count > DifferencesMax) lines.Add($"{differences.Count - DifferencesMax} more differences");
        if (differences.Count == 0 && history.Problems.Count == 0) lines.Add("history and results agree");
        return (lines, Verdict.ExitCode(verdict.Kind, outcome.Interrupted));
    }

    /// <summary>Of a history that is not whole nothing says that the rest was well.</summary>
    private static RunOutcome OutcomeOf(StoredHistory history)
    {
        var owners = new OwnerWatch();
        foreach (var fact in history.Facts) owners.Take(fact);
        var judged = history.End?.Owners ?? new OwnersJudged(long.MaxValue, IsSettled: false);
        var found = owners.Judge(judged.Before);
        if (judged.IsSettled) found = [.. found, .. owners.Settled()];
        var outcome = history.End?.ToOutcome(found) ?? new RunOutcome
        {
            Violations = [.. found.Select(violation => ViolationResult.From(violation, ViolationResult.OwnersSilo))],
        };
        return history.Problems.Count == 0
            ? outcome
            : outcome with { ContactLost = [.. outcome.ContactLost, $"history.jsonl is not whole: {history.Problems[0]}"] };
    }
}
