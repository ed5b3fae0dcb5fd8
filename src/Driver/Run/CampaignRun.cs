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
    /// <param name="campaign">with its seed</param>
    /// <param name="identity">as the results have it</param>
    /// <param name="outputFolder">where the run's folder is made</param>
    public async Task<StoredCampaignRun> RunAsync(Campaign campaign, RunIdentity identity, string outputFolder)
    {
        using var folder = RunFolder.Create(outputFolder, identity.StartedAt, campaign.Name, campaign.Limits.HistoryRecords);
        folder.Write(RunFolder.CampaignFile, CampaignWriter.Write(campaign, $"Resolved by: {identity.Command}"));
        var outcome = await RunAsync(campaign, folder);
        folder.History.Complete();
        outcome = outcome with { LimitsHit = [.. outcome.LimitsHit, .. folder.History.LimitsHit] };

        var results = RunResults.From(campaign, identity, outcome);
        var json = ResultsJson.Write(results);
        folder.Write(RunFolder.ResultsFile, json);
        folder.Write(RunFolder.ReportFile, await HtmlReport.RenderAsync(results));
        return new StoredCampaignRun(results, json, folder.FullPath, outcome.Interrupted);
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
        catch (UsageException)
        {
            folder.Discard();
            throw;
        }
        catch
        {
            // What was recorded until the bed failed is the best there is to find out why.
            folder.History.Complete();
            throw;
        }
    }
}

/// <summary>A campaign that was run, and what it left behind.</summary>
/// <param name="Results">as in results.json</param>
/// <param name="Json">results.json</param>
/// <param name="Folder">the run's folder</param>
/// <param name="IsInterrupted">the user cut it short</param>
internal sealed record StoredCampaignRun(RunResults Results, string Json, string Folder, bool IsInterrupted);
