using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Searching;
using Livebed.Explorer.Witnesses;
using Livebed.Kvm.Locks;

namespace Livebed.Driver.Exploring;

/// <summary>
/// `livebed explore`: searches one scenario or all, plays what was found once more to write its witness, and leaves a replay file behind.
/// The clock is here; the explorer knows none and asks whether its time is over.
/// </summary>
internal sealed class ExploreCommand(CommandEnvironment environment)
{
    public int Run(ExploreRequest request)
    {
        if (request.ChecksDeterminism) return new DeterminismCheck(environment).Run(request);
        var begun = environment.Clock.GetTimestamp();
        environment.Pulse?.Begin(request.Budget);
        var report = new ExploreReport(new ReportPage(environment), isAlone: request.Scenarios.Count == 1, request.Verbose);
        var explored = new List<Explored>();
        for (var i = 0; i < request.Scenarios.Count && (i == 0 || !IsInterrupted); i++)
        {
            if (!request.Json) report.WriteHead(request.Scenarios[i], request);
            // What a scenario leaves of its share the next ones have.
            var share = (request.Budget - environment.Clock.GetElapsedTime(begun)) / (request.Scenarios.Count - i);
            explored.Add(Explore(request, request.Scenarios[i], share));
            if (!request.Json) report.Write(explored[^1]);
        }

        if (request.Json) environment.Out.Write(ExploreJson.Write(explored, IsInterrupted));
        else if (explored.Count > 1) report.WriteSummary(explored);
        if (IsInterrupted && !request.Json) environment.Out.WriteLine("interrupted: this is what there is");
        environment.Out.Flush();
        return IsInterrupted ? ExitCodes.Interrupted : ExitCode(explored.Max(one => one.Verdict));
    }

    private bool IsInterrupted => environment.Interrupts.Token.IsCancellationRequested;

    private Explored Explore(ExploreRequest request, Scenario scenario, TimeSpan? budget)
    {
        var begun = environment.Clock.GetTimestamp();
        var result = IsInterrupted || budget <= TimeSpan.Zero
            ? new SearchResult { Schedules = 0, Steps = 0, PotentialDeadlocks = (IReadOnlyList<LockCycle>)[] }
            : new SearchProgress(environment, request.Json || request.Quiet)
                .Show(scenario.Name, budget, progress => new Search(scenario, request.Setup, request.Search with
                {
                    IsOver = () =>
                    {
                        environment.Pulse?.Beat();
                        return IsInterrupted || environment.Clock.GetElapsedTime(begun) >= budget;
                    },
                    Progress = progress,
                }).Run());
        return new Explored
        {
            Scenario = scenario,
            Setup = request.Setup,
            Search = request.Search,
            Result = result,
            Elapsed = environment.Clock.GetElapsedTime(begun),
            ReplayFile = result.Finding is { } finding
                ? Save(finding.Replay, request.ReplayFile ?? NameOf(scenario, request.Setup, finding.Seed, "replay"))
                : null,
            WorstFile = result.Worst is { } worst
                ? Save(worst.Replay, NameOf(scenario, request.Setup, request.Search.Seed, "worst.replay"))
                : null,
            Witness = result.Finding is { } found ? WitnessOf(scenario, request.Setup, found) : [],
        };
    }

    private string NameOf(Scenario scenario, ScenarioSetup setup, ulong seed, string what) =>
        Path.Combine(environment.Folders.Current, FormattableString.Invariant($"{scenario.Name}-{setup.Protocol}-{seed}.{what}.json"));

    /// <returns>the file; null when it could not be written, which has been said: the verdict stands, and its seed repeats it</returns>
    private string? Save(Replay replay, string path)
    {
        var label = environment.Folders.Label(path);
        try
        {
            ReplayFile.Write(path, replay);
            return label;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            environment.Error.WriteLine(
                $"{label}: the replay could not be written ({OneLine.Of(exception.Message)}); the verdict stands, and its seed repeats it");
            return null;
        }
    }

    /// <summary>Plays it again, and by that shows that it can be.</summary>
    private static IReadOnlyList<WitnessEntry> WitnessOf(Scenario scenario, ScenarioSetup setup, Finding finding)
    {
        EventLog? log = null;
        var again = new ReplayPlayer(scenario, setup).Play(finding.Replay, isLenient: false, world => log = new EventLog(world));
        log!.Complete();
        if (again.Divergence is { } divergence)
            throw new BedException($"seed {finding.Seed} did not repeat itself, the world is not deterministic: {divergence}");
        if (again.LogHash != finding.Replay.LogHash)
            throw new BedException($"seed {finding.Seed} did not repeat itself, the world is not deterministic: other steps were made");
        return log.Entries;
    }

    private static int ExitCode(ExploreVerdict verdict) => verdict switch
    {
        ExploreVerdict.Valid or ExploreVerdict.Expected => ExitCodes.Valid,
        ExploreVerdict.Invalid => ExitCodes.Invalid,
        ExploreVerdict.Failed => ExitCodes.BedFailed,
        _ => ExitCodes.Unknown,
    };
}
