using System.Net;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Running;
using Livebed.Driver.Terminal;
using Livebed.Driver.Viewing;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Run;

/// <summary>
/// `livebed run`: everything is checked before anything is made; then the run, the verdict, the report.
/// </summary>
internal sealed class RunCommand(CommandEnvironment environment)
{
    /// <summary>Seeds drawn from the clock are short enough to be typed.</summary>
    private const long DrawnSeeds = 1L << 31;

    public async Task<int> RunAsync(RunRequest request)
    {
        var campaign = await environment.Interrupts.AwaitAsync(
            () => new CampaignReader(environment.Folders, environment.Traces).Read(request.Campaign, request.Overrides));
        CheckPorts(campaign, request.Runner.BasePort);
        if (!request.Runner.IsConnected && MemoryNeed.ProblemOf(campaign, GC.GetGCMemoryInfo().TotalAvailableMemoryBytes) is { } shortage)
            throw new UsageException(shortage);
        CheckNemesis(campaign.Nemesis, request.Runner);
        var isEmbedded = !request.Runner.Processes && !request.Runner.IsConnected;
        if (isEmbedded && OpenFileLimit.ProblemOf(campaign.Silos, OpenFileLimit.OfProcess()) is { } problem)
            throw new UsageException($"silos: {problem}");
        if (isEmbedded) environment.FitToVms(campaign.Vms.Sum(vm => (long)vm.Count));
        var startedAt = environment.Clock.GetUtcNow();
        campaign.Seed ??= (long)(Kvm.World.SeededRandom.Mix((ulong)startedAt.UtcTicks) % DrawnSeeds);
        var seedGiven = request.Overrides.Any(given => given.Path == "seed");
        var identity = new RunIdentity(request.Campaign, startedAt, CommandText.Repeat(request.Arguments, campaign.Seed.Value, seedGiven));

        var told = request.Json ? environment.Error : environment.Out;
        var runner = request.Runner with { Dashboard = request.Dashboard ? page => TellOf(told, page) : null };
        if (!request.View) return await RunAsync(request, runner, campaign, identity);
        await using var viewer = await ViewCommand.OpenAsync(told, port: 0, environment.Interrupts.Token);
        var exitCode = await RunAsync(
            request, runner with { Otlp = OtlpEndpoint.Chosen(viewer.Http, viewer.Grpc) }, campaign, identity);
        await ViewCommand.ShowAsync(told, viewer, environment.Interrupts.Token);
        return exitCode;
    }

    private static void TellOf(TextWriter told, Uri dashboard)
    {
        told.WriteLine($"Orleans dashboard: {dashboard}");
        told.Flush();
    }

    private async Task<int> RunAsync(RunRequest request, RunnerOptions runner, Campaign campaign, RunIdentity identity)
    {
        var playing = new CampaignRun(environment, runner, View(request)) { JaegerUi = request.Jaeger };
        var run = await playing.RunAsync(campaign, identity, request.OutputFolder, run => TellAsync(request, run));
        return Verdict.ExitCode(run.Results.Verdict, run.IsInterrupted);
    }

    private async Task TellAsync(RunRequest request, StoredCampaignRun run)
    {
        if (request.Json) await environment.Out.WriteAsync(ResultsJson.Write(run.Results));
        else new RunReport(environment.CreateConsole(), run.Results).Write(environment.Folders.Label(run.Folder));
        await environment.Out.FlushAsync();
        if (environment.OutputFailure is null) return;
        var verdict = run.Results.Verdict.ToString().ToLowerInvariant();
        await environment.Error.WriteLineAsync($"verdict: {verdict}. {string.Join(' ', run.Results.Reasons)}");
    }

    private IProgressView View(RunRequest request)
    {
        if (request.Json || request.Quiet) return new NoProgress();
        return environment.IsTerminal ? new LiveProgress(environment.CreateConsole()) : new PlainProgress(environment.Out);
    }

    /// <summary>Faults that the run's cluster cannot have.</summary>
    private static void CheckNemesis(NemesisSettings nemesis, RunnerOptions runner)
    {
        if (!nemesis.IsOn) return;
        if (runner.IsConnected)
            throw new UsageException("nemesis: the cluster of --connect is not the run's to break; allowed: --processes, or neither");
        foreach (var kind in new[] { NemesisKind.Kill, NemesisKind.Pause })
            if (nemesis.Makes(kind) && (!runner.Processes || OperatingSystem.IsWindows()))
                throw new UsageException(
                    $"nemesis {KebabCase.Of(kind)}: silos that share one process live and die together; "
                        + "allowed: with --processes, on Linux or macOS");
        if (nemesis.Makes(NemesisKind.Redis) && !(runner.Processes && runner.Connection is not null))
            throw new UsageException("nemesis redis: the run has no Redis; allowed: with --processes --redis HOST:PORT");
    }

    private static void CheckPorts(Campaign campaign, int? basePort)
    {
        var last = IPEndPoint.MaxPort - 2 * campaign.Silos + 1;
        if (basePort > last)
            throw new UsageException(
                $"--port {basePort}: {campaign.Silos} silos need {2 * campaign.Silos} ports from there on; allowed: 1 to {last}");
    }
}
