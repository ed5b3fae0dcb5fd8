using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Run;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Migrating;

/// <summary>
/// `livebed migrate`: one run after the other, each a cluster of its own with all checks on, and a table of what was measured next to what
/// was predicted. A first small run, which is not in the table, sees to it that no row pays for compiling the code.
/// </summary>
internal sealed class MigrateCommand(CommandEnvironment environment)
{
    /// <summary>A link on which the first run is over soon.</summary>
    private const long WarmUpBandwidth = 1L << 30;

    public async Task<int> RunAsync(MigrateRequest request)
    {
        // All are checked before the first is run.
        var campaigns = await environment.Interrupts.AwaitAsync(
            () => request.Cells.Select(cell => cell.Read(environment, request.Seed)).ToList());
        var rows = new List<MigrateRow>();
        var warmUp = MigrateCell.AtRate(0.01, WarmUpBandwidth);
        await RunAsync(warmUp, warmUp.Read(environment, request.Seed), request, "a first run, which is not in the table");
        for (var i = 0; i < campaigns.Count && !environment.Interrupts.Token.IsCancellationRequested; i++)
        {
            var row = await RunAsync(request.Cells[i], campaigns[i], request, Title(i, campaigns));
            rows.Add(row);
            if (!request.Json && !request.Quiet)
                await environment.Out.WriteLineAsync($"{i + 1}/{campaigns.Count}  {MigrateTable.Line(row)}");
        }

        if (request.Json) await environment.Out.WriteAsync(MigrateJson.Write(request, rows));
        else MigrateTable.Write(environment.CreateConsole(), rows);
        await environment.Out.FlushAsync();
        if (request.Markdown is { } file) await StoreAsync(file, MigrateTable.Markdown(rows));
        return ExitCode(rows, environment.Interrupts.Token.IsCancellationRequested);
    }

    private async Task StoreAsync(string file, string table)
    {
        try
        {
            WholeFile.Write(file, table);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            await environment.Error.WriteLineAsync(
                $"{environment.Folders.Label(file)}: the table could not be written ({exception.Message}); the verdicts stand");
        }
    }

    private static string Title(int done, List<Campaign> campaigns) =>
        FormattableString.Invariant(
            $"{ProgressBar.Of((double)done / campaigns.Count)}  {done + 1} of {campaigns.Count}: {campaigns[done].Name}");

    private async Task<MigrateRow> RunAsync(MigrateCell cell, Campaign campaign, MigrateRequest request, string title)
    {
        var command = $"{CommandText.Livebed} {CommandText.Words(cell.Words(request.Seed))}";
        IProgressView view = environment.IsTerminal && !request.Json && !request.Quiet
            ? new LiveProgress(environment.CreateConsole(), title)
            : new NoProgress();
        var run = await new CampaignRun(environment, new RunnerOptions(), view).RunAsync(
            campaign, new RunIdentity(cell.Campaign, environment.Clock.GetUtcNow(), command), request.OutputFolder);
        return new MigrateRow(
            cell, run.Results.Verdict, run.Results.Reasons, run.Results.Migrations.Count > 0 ? run.Results.Migrations[0] : null,
            run.Results.Guests.Select(guest => guest.BehindMicroseconds).DefaultIfEmpty(0).Max(), environment.Folders.Label(run.Folder),
            request.Goals);
    }

    private static int ExitCode(List<MigrateRow> rows, bool isInterrupted)
    {
        if (isInterrupted) return ExitCodes.Interrupted;
        if (rows.Exists(row => row.Verdict == VerdictKind.Invalid)) return ExitCodes.Invalid;
        if (rows.Exists(row => row.Verdict != VerdictKind.Valid || row.Migration is null)) return ExitCodes.Unknown;
        return rows.Exists(row => row.ModelHolds == false || row.KeepsGoals == false) ? ExitCodes.NotWithinLimits : ExitCodes.Valid;
    }
}
