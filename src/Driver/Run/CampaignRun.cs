using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Reports;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Run;

/// <summary>Runs one campaign, which was checked, and keeps what it leaves behind: the run folder, the runner, the verdict, the report. A
/// folder stays behind only of a run that began.</summary>
internal sealed class CampaignRun(CommandEnvironment environment, RunnerOptions runner, IProgressView view)
{
    /// <summary>Where Jaeger's page is, for the report's links; null: nowhere.</summary>
    public Uri? JaegerUi { get; init; }

    /// <param name="campaign">with its seed</param>
    /// <param name="identity">as the results have it</param>
    /// <param name="outputFolder">where the run's folder is made</param>
    /// <param name="tell">is given the results before anything of them is stored; null tells nothing</param>
    public async Task<StoredCampaignRun> RunAsync(
        Campaign campaign, RunIdentity identity, string outputFolder, Func<StoredCampaignRun, Task>? tell = null)
    {
        using var folder = RunFolder.Create(
            outputFolder, identity.StartedAt, campaign.Name, campaign.Limits.HistoryRecords, campaign.Limits.TraceBytes);
        StoreCampaign(folder, campaign, identity);
        var outcome = await RunAsync(campaign, folder);
        var results = RunResults.From(campaign, identity, outcome with { LimitsHit = [.. outcome.LimitsHit, .. folder.LimitsHit] });
        var run = new StoredCampaignRun(results, folder.FullPath, outcome.Interrupted);
        if (tell is not null) await tell(run);
        return run with { Results = await StoreAsync(folder, results, outcome) };
    }

    /// <summary>
    /// The verdict first; the history and the report may fail and are noted. Whatever fails, the verdict stands and was told.
    /// </summary>
    /// <param name="folder">the run's</param>
    /// <param name="results">as they were told</param>
    /// <param name="outcome">with what is drawn, and limits hit without those of the history</param>
    private async Task<RunResults> StoreAsync(RunFolder folder, RunResults results, RunOutcome outcome)
    {
        var isStored = TryStore(folder, RunFolder.ResultsFile, ResultsJson.Write(results), "could not be written") is null;
        folder.Complete(whole => new HistoryFact { End = RunEndFact.Of(outcome, whole) });
        var complete = results with { LimitsHit = [.. outcome.LimitsHit, .. folder.LimitsHit] };
        if (outcome.Charts is { } charts && TryStore(folder, RunFolder.ChartsFile, charts.Write(), "could not be written") is { } lost)
            complete = complete with { LimitsHit = [.. complete.LimitsHit, new("chartsFile", 1, lost)] };
        if (await TryReportAsync(folder, complete, outcome.Charts) is { } problem)
            complete = complete with { LimitsHit = [.. complete.LimitsHit, new("reportFile", 1, problem)] };
        if (complete.LimitsHit.SequenceEqual(results.LimitsHit)) return results;
        foreach (var hit in complete.LimitsHit.Except(results.LimitsHit).Where(hit => hit.Limit is not ("reportFile" or "chartsFile")))
            await environment.Error.WriteLineAsync($"{environment.Folders.Label(folder.FullPath)}: {hit.Message}");
        if (isStored)
            TryStore(
                folder, RunFolder.ResultsFile, ResultsJson.Write(complete), "is written and whole, but what was said since is not in it");
        return complete;
    }

    private async Task<string?> TryReportAsync(RunFolder folder, RunResults results, RunCharts? charts)
    {
        try
        {
            var (traces, leftOut) = TraceFigures.Of(folder.FullPath);
            var content = new ReportContent(
                results, charts, HistoryTail.Of(folder.PathOf(RunFolder.HistoryFile)), traces, leftOut, JaegerUi);
            return TryStore(folder, RunFolder.ReportFile, await HtmlReport.RenderAsync(content), "could not be written");
        }
        catch (Exception exception)
        {
            // A defect of the report, and none of what was tested.
            return Say(folder, $"{RunFolder.ReportFile} could not be drawn: {exception.GetType().Name}: {OneLine.Of(exception.Message)}");
        }
    }

    /// <param name="folder">the run's</param>
    /// <param name="file">its name</param>
    /// <param name="content">all of it</param>
    /// <param name="failure">what to say of the file if that fails, before the reason</param>
    /// <returns>what went wrong, which has been said; null when nothing did</returns>
    private string? TryStore(RunFolder folder, string file, string content, string failure)
    {
        try
        {
            folder.Write(file, content);
            return null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return Say(folder, $"{file} {failure}: {OneLine.Of(exception.Message)}");
        }
    }

    private string Say(RunFolder folder, string problem)
    {
        environment.Error.WriteLine($"{environment.Folders.Label(folder.FullPath)}: {problem}; the verdict stands");
        return problem;
    }

    private static void StoreCampaign(RunFolder folder, Campaign campaign, RunIdentity identity)
    {
        try
        {
            folder.Write(RunFolder.CampaignFile, CampaignWriter.Write(campaign, $"Resolved by: {identity.Command}"));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            folder.Discard();
            throw new UsageException(
                $"--out {Path.GetDirectoryName(folder.FullPath)}: the folder cannot be written ({exception.Message}); allowed: "
                    + "a folder that can be written to");
        }
    }

    private async Task<RunOutcome> RunAsync(Campaign campaign, RunFolder folder)
    {
        var interrupted = environment.Interrupts.Token;
        try
        {
            return await view.ShowAsync(progress => environment.Runners(runner).RunAsync(campaign, folder, progress, interrupted));
        }
        catch (OperationCanceledException) when (interrupted.IsCancellationRequested)
        {
            // Interrupted before there was anything to report.
            return new RunOutcome { Interrupted = true };
        }
        catch (Exception exception) when (exception is UsageException or UndecidedException)
        {
            folder.Discard();
            throw;
        }
        catch
        {
            // What was recorded until the bed failed is the best there is to find out why.
            folder.Complete();
            throw;
        }
    }
}

/// <summary>A campaign that was run, and what it left behind.</summary>
/// <param name="Results">as in results.json</param>
/// <param name="Folder">the run's folder</param>
/// <param name="IsInterrupted">the user cut it short</param>
internal sealed record StoredCampaignRun(RunResults Results, string Folder, bool IsInterrupted);
