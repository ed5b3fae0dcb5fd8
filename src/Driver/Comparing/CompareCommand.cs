using System.Globalization;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Reports;
using Livebed.Driver.Results;
using Livebed.Driver.Run;
using Livebed.Driver.Running;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Comparing;

/// <summary>
/// `livebed compare`: reads stored runs, or runs a campaign with one key varied. Then the groups take turns, so that a machine that is slow
/// for a while is slow for all, and the n-th run of each group has the same seed. It leaves a page and a JSON file behind.
/// </summary>
internal sealed class CompareCommand(CommandEnvironment environment)
{
    private const string PageFile = "compare.html";
    private const string JsonFile = "compare.json";
    private const int SameSecondMax = 100;

    private bool IsInterrupted => environment.Interrupts.Token.IsCancellationRequested;

    public async Task<int> RunAsync(CompareRequest request)
    {
        var startedAt = environment.Clock.GetUtcNow();
        string folder;
        IReadOnlyList<RunGroup> groups;
        if (request.Varied is { } varied)
        {
            var campaigns = await environment.Interrupts.AwaitAsync(
                () => varied.Values.Select(value => Read(request, varied, value)).ToList());
            folder = MakeFolder(request.OutputFolder, startedAt, campaigns[0].Name);
            groups = await RunAsync(request, varied, campaigns, folder);
            if (groups.Any(group => group.Runs.Count == 0)) return ExitCodes.Interrupted;
        }
        else
        {
            groups = await environment.Interrupts.AwaitAsync(() => request.Runs
                .Select(given => RunGroup.Read(given, environment.Folders.Current)).ToList());
            CampaignDifference.Check(groups, request.Across);
            folder = MakeFolder(request.OutputFolder, startedAt, "stored");
        }

        var comparison = Comparison.Of(groups);
        if (request.Json) await environment.Out.WriteAsync(ComparisonJson.Write(comparison));
        else ComparisonReport.Write(environment.CreateConsole(), comparison);
        await StoreAsync(Path.Combine(folder, JsonFile), ComparisonJson.Write(comparison));
        var page = Path.Combine(folder, PageFile);
        await StoreAsync(page, await HtmlReport.RenderAsync<ComparisonPage>(nameof(ComparisonPage.Comparison), comparison));
        if (!request.Json) await environment.Out.WriteLineAsync($"page        {environment.Folders.Label(page)}");
        await environment.Out.FlushAsync();
        return IsInterrupted ? ExitCodes.Interrupted : ExitCodes.Valid;
    }

    /// <summary>Runs by turns: in each turn another group is the first.</summary>
    private async Task<IReadOnlyList<RunGroup>> RunAsync(
        CompareRequest request, VariedKey varied, List<Campaign> campaigns, string folder)
    {
        var runs = varied.Values.Select(_ => new List<ComparedRun>()).ToList();
        var all = request.Repeat * campaigns.Count;
        for (var turn = 0; turn < all && !IsInterrupted; turn++)
        {
            var (repeat, place) = (turn / campaigns.Count, turn % campaigns.Count);
            var group = (place + repeat) % campaigns.Count;
            var title = FormattableString.Invariant(
                $"{ProgressBar.Of((double)turn / all)}  {turn + 1} of {all}: {varied.Values[group]}, seed {request.Seed + repeat}");
            var run = await RunAsync(request, varied.Values[group], varied, request.Seed + repeat, folder, title);

            // What an interrupt has cut short says nothing beside the others.
            if (IsInterrupted) break;
            runs[group].Add(run);
            if (!request.Json && !request.Quiet)
                await environment.Out.WriteLineAsync(FormattableString.Invariant(
                    $"{turn + 1}/{all}  {varied.Values[group]}, seed {request.Seed + repeat}: {KebabCase.Of(run.Results.Verdict)}"));
        }

        return [.. varied.Values.Select((value, group) => new RunGroup(value, runs[group]))];
    }

    private async Task<ComparedRun> RunAsync(CompareRequest request, string value, VariedKey varied, long seed, string folder, string title)
    {
        // A campaign is completed by its run, so each has one of its own.
        var campaign = Read(request, varied, value);
        campaign.Seed = seed;
        var words = new List<string> { "run", request.Campaign!, "--set", $"{varied.Key}={value}" };
        foreach (var one in request.Overrides) words.AddRange(["--set", $"{one.Path}={one.Value}"]);
        words.AddRange(["--seed", seed.ToString(CultureInfo.InvariantCulture)]);
        var identity = new RunIdentity(
            request.Campaign!, environment.Clock.GetUtcNow(), $"{CommandText.Livebed} {CommandText.Words(words)}");
        var run = await new CampaignRun(environment, new RunnerOptions(), View(request, title)).RunAsync(campaign, identity, folder);
        return new ComparedRun(
            environment.Folders.Label(run.Folder), run.Results,
            CampaignText.Read(Path.Combine(run.Folder, RunFolder.CampaignFile), environment.Folders.Label(run.Folder)));
    }

    private IProgressView View(CompareRequest request, string title) => environment.IsTerminal && !request.Json && !request.Quiet
        ? new LiveProgress(environment.CreateConsole(), title)
        : new NoProgress();

    private Campaign Read(CompareRequest request, VariedKey varied, string value) =>
        new CampaignReader(environment.Folders, environment.Traces).Read(
            request.Campaign!, [.. request.Overrides, new Override(varied.OptionOf(value), varied.Key, value)]);

    private static string MakeFolder(string parent, DateTimeOffset time, string name)
    {
        var stem = Path.Combine(parent, $"{time.ToString("yyyyMMdd-HHmmss", CultureInfo.InvariantCulture)}-compare-{name}");
        try
        {
            for (var i = 1; i <= SameSecondMax; i++)
            {
                var path = i == 1 ? stem : $"{stem}-{i}";
                if (Path.Exists(path)) continue;
                return Directory.CreateDirectory(path).FullName;
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException(
                $"--out {parent}: the folder cannot be written ({OneLine.Of(e.Message)}); allowed: "
                    + $"a folder that can be created or written to");
        }

        throw new UsageException($"--out {parent}: {SameSecondMax} comparisons of that name exist; allowed: another folder");
    }

    private async Task StoreAsync(string file, string content)
    {
        try
        {
            WholeFile.Write(file, content);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            await environment.Error.WriteLineAsync(
                $"{environment.Folders.Label(file)}: could not be written ({OneLine.Of(exception.Message)}); what is printed stands");
        }
    }
}
