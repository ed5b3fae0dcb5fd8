using System.Net;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.CommandLine;

/// <summary>
/// `livebed run`: everything is checked before anything is made; then the run folder, the runner, the verdict, the report. A folder stays
/// behind only of a run that began.
/// </summary>
internal sealed class RunCommand(CommandEnvironment environment)
{
    /// <summary>Seeds drawn from the clock are short enough to be typed.</summary>
    private const long DrawnSeeds = 1L << 31;

    public async Task<int> RunAsync(RunRequest request)
    {
        var campaign = new CampaignReader(environment.Folders, environment.Traces).Read(request.Campaign, request.Overrides);
        CheckPorts(campaign, request.Runner.BasePort);
        var startedAt = environment.Clock.GetUtcNow();
        campaign.Seed ??= (long)(Kvm.World.SeededRandom.Mix((ulong)startedAt.UtcTicks) % DrawnSeeds);
        var seedGiven = request.Overrides.Any(given => given.Path == "seed");
        var identity = new RunIdentity(request.Campaign, startedAt, CommandText.Repeat(request.Arguments, campaign.Seed.Value, seedGiven));

        using var folder = RunFolder.Create(request.OutputFolder, startedAt, campaign.Name, campaign.Limits.HistoryRecords);
        folder.Write(RunFolder.CampaignFile, CampaignWriter.Write(campaign, $"Resolved by: {identity.Command}"));
        var outcome = await RunAsync(campaign, request, folder);
        folder.History.Complete();
        outcome = outcome with { LimitsHit = [.. outcome.LimitsHit, .. folder.History.LimitsHit] };

        var results = RunResults.From(campaign, identity, outcome);
        var json = ResultsJson.Write(results);
        folder.Write(RunFolder.ResultsFile, json);
        if (request.Json) await environment.Out.WriteAsync(json);
        else new RunReport(environment.CreateConsole(), results).Write(environment.Folders.Label(folder.FullPath));
        await environment.Out.FlushAsync();
        return ExitCode(results.Verdict, outcome.Interrupted);
    }

    private async Task<RunOutcome> RunAsync(Campaign campaign, RunRequest request, RunFolder folder)
    {
        var interrupted = environment.Interrupts.Token;
        try
        {
            return await View(request).ShowAsync(progress =>
                environment.Runners(request.Runner).RunAsync(campaign, folder, progress, interrupted));
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

    private IProgressView View(RunRequest request)
    {
        if (request.Json) return new NoProgress();
        return environment.IsTerminal ? new LiveProgress(environment.CreateConsole()) : new PlainProgress(environment.Out);
    }

    private static void CheckPorts(Campaign campaign, int? basePort)
    {
        var last = IPEndPoint.MaxPort - 2 * campaign.Silos + 1;
        if (basePort > last)
            throw new UsageException($"--port {basePort}: {campaign.Silos} silos need {2 * campaign.Silos} ports from there on; allowed: 1 to {last}");
    }

    private static int ExitCode(VerdictKind verdict, bool interrupted)
    {
        if (interrupted) return ExitCodes.Interrupted;
        return verdict switch
        {
            VerdictKind.Valid => ExitCodes.Valid,
            VerdictKind.Invalid => ExitCodes.Invalid,
            _ => ExitCodes.Unknown,
        };
    }
}
