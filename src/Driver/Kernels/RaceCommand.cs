using System.Text.Json;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Exploring;
using Livebed.Driver.Terminal;
using Livebed.Explorer.Kernels;
using Livebed.Linux.Kvm;
using Spectre.Console;

namespace Livebed.Driver.Kernels;

/// <summary>
/// `livebed kernel race`: one race after the other, each way of logging with each disturbance. Scripts are one step after the other; what a
/// race can break is between the steps.
/// </summary>
internal sealed class RaceCommand(CommandEnvironment environment)
{
    /// <exception cref="UndecidedException">There is no KVM that could be asked, or it does not do what a race needs.</exception>
    public int Run(RaceRequest request)
    {
        using var device = KernelCommand.Open(environment);
        return Run(request, new RealRaces(device));
    }

    /// <summary>What was raced is told, also where an interrupt or a failure ends it early.</summary>
    /// <exception cref="UndecidedException">A race cannot be run.</exception>
    internal int Run(RaceRequest request, IRaces races)
    {
        var results = new List<RaceResult>();
        var (cache, failure) = (default(KvmPfnCacheCounts), default(string));
        environment.Pulse?.Begin(budget: null);
        try
        {
            foreach (var options in Options(request, races))
                results.Add(Judged(options, races.Race(options, environment.Interrupts.Token)));
            cache = RunPfnCache(request, races);
        }
        catch (KvmException exception)
        {
            failure = exception.Message;
            if (results.Count == 0) throw new UndecidedException(failure);
        }

        Write(request, results, cache, races.IsMergingOn);
        environment.Out.Flush();
        if (IsInterrupted) return ExitCodes.Interrupted;
        if (failure is not null) environment.Error.WriteLine(failure);
        if (cache?.Lost > 0 || results.Exists(result => result.Verdict is RaceVerdict.Broken or RaceVerdict.Gone)) return ExitCodes.Invalid;
        var showsNothing = (results.Count == 0 && cache is null) || results.Exists(result => result.Verdict == RaceVerdict.Unknown);
        return showsNothing || failure is not null ? ExitCodes.Unknown : ExitCodes.Valid;
    }

    private bool IsInterrupted => environment.Interrupts.Token.IsCancellationRequested;

    /// <summary>Races that are to be run, until one is interrupted.</summary>
    private IEnumerable<KvmRaceOptions> Options(RaceRequest request, IRaces races)
    {
        foreach (var log in request.Logs.Select(RealKernel.LogOf))
            foreach (var disturbance in Enum.GetValues<KvmDisturbance>())
            {
                if (request.Beside is not null && request.Beside != ScriptWords.Of(disturbance)) continue;
                if (disturbance == KvmDisturbance.Merge && !races.IsMergingOn) continue;
                if (IsInterrupted) yield break;
                environment.Pulse?.Beat();
                yield return new KvmRaceOptions(log, disturbance, request.Vcpus, request.Time, request.Seed);
            }
    }

    private static RaceResult Judged(KvmRaceOptions options, KvmRaceCounts counts)
    {
        // On Linux the version of the system is that of its kernel.
        var known = KnownDisagreement.Of(options, Environment.OSVersion.Version);
        var hasRaced = KnownDisagreement.HasRaced(options.Disturbance, counts.Accesses.Done, counts.Rounds, counts.Unshared);
        return new RaceResult(
            options, counts, known, KnownDisagreement.Judge(known, counts.ResetsCutShort, counts.Lost, counts.Wrong, hasRaced));
    }

    /// <summary>Null where it was not asked for, or this KVM has no such cache.</summary>
    private KvmPfnCacheCounts? RunPfnCache(RaceRequest request, IRaces races)
    {
        if (request.Beside is not (null or RaceRequest.PfnCache) || !races.HasPfnCache || IsInterrupted) return null;
        environment.Pulse?.Beat();
        return races.RacePfnCache(request.Time, environment.Interrupts.Token);
    }

    private void Write(RaceRequest request, List<RaceResult> results, KvmPfnCacheCounts? cache, bool isMergingOn)
    {
        if (request.Json)
        {
            environment.Out.WriteLine(JsonSerializer.Serialize(JsonOf(request, results, cache, IsInterrupted), ExploreJson.Options));
            return;
        }

        var page = new ReportPage(environment);
        var table = Tables.Create("log", "beside", "writes", "ring full", "refused", "rounds", "cut short", "copied", "lost", "wrong");
        foreach (var (options, counts, _, _) in results)
            table.Row(
                ScriptWords.Of(options.Log), ScriptWords.Of(options.Disturbance), Figures.Count(counts.Accesses.Done),
                Figures.Count(counts.Accesses.RingFull), Figures.Count(counts.Accesses.Refused), Figures.Count(counts.Rounds),
                Figures.Count(counts.ResetsCutShort), Figures.Count(counts.Copied), Figures.Count(counts.Lost),
                Figures.Count(counts.Wrong));
        if (results.Count > 0) page.Console.Write(table);
        foreach (var (options, counts, _, _) in results.Where(result => result.Options.Disturbance == KvmDisturbance.Merge))
            page.Line(
                $"{ScriptWords.Of(options.Log)} beside KSM: at least {Figures.Count(counts.Merged)} pages were merged, and "
                    + $"{Figures.Count(counts.Unshared)} written when they were");
        page.Line(
            cache is null ? "no race of the pfn cache: not asked for, or this KVM has no page that Xen shares by its host address"
                : $"pfn cache: {Figures.Count(cache.Sent)} events after the page was taken away, {Figures.Count(cache.Beside)} beside "
                    + $"them, {Figures.Count(cache.Lost)} lost");
        foreach (var result in results.Where(result => result.Verdict is RaceVerdict.Known))
            page.Line($"known: {result.Known!.Name}: {result.Known.Sentence}");
        foreach (var result in results.Where(result => result.Verdict is RaceVerdict.Gone))
            page.Line(
                $"GONE: {result.Known!.Name} did not show in {Figures.Count(result.Counts.ResetsCutShort)} chances: it is no longer known",
                style: new Style(Color.Red, decoration: Decoration.Bold));
        foreach (var (options, counts, _, _) in results.Where(result => result.Verdict is RaceVerdict.Unknown))
            page.Line(
                $"UNKNOWN: {ScriptWords.Of(options.Log)} beside {ScriptWords.Of(options.Disturbance)}: {WhyUnknown(counts)}",
                style: new Style(Color.Yellow, decoration: Decoration.Bold));
        var broken = results.Count(result => result.Verdict == RaceVerdict.Broken);
        var isKnown = results.Any(result => result.Verdict == RaceVerdict.Known);
        page.Line(
            results.Count == 0 && cache is null ? "no race was run"
                : broken > 0 ? $"in {broken} races a write was lost or went elsewhere"
                : isKnown ? "no write was lost that is not known to be, and none went elsewhere"
                : "no write was lost, and none went elsewhere",
            style: new Style(broken == 0 ? Color.Green : Color.Red, decoration: Decoration.Bold));
        if (!isMergingOn) page.Line("KSM is off here: no race beside merging");
        if (IsInterrupted) page.Line("interrupted: this is what there is");
    }

    private static string WhyUnknown(KvmRaceCounts counts) =>
        counts.Accesses.Done == 0 || counts.Rounds == 0 ? "no guest wrote, or no log was read"
        : counts.Merged == 0 ? "KSM was not seen to merge a page"
        : "no page was seen to be written that KSM had merged";

    internal static object JsonOf(
        RaceRequest request, IReadOnlyList<RaceResult> results, KvmPfnCacheCounts? cache, bool interrupted) => new
        {
            seconds = request.Time.TotalSeconds,
            seed = request.Seed,
            interrupted,
            races = results.Select(result => new
            {
                log = ScriptWords.Of(result.Options.Log),
                beside = ScriptWords.Of(result.Options.Disturbance),
                vcpus = result.Options.Vcpus,
                writes = result.Counts.Accesses.Done,
                ringFull = result.Counts.Accesses.RingFull,
                refused = result.Counts.Accesses.Refused,
                rounds = result.Counts.Rounds,
                resetsCutShort = result.Counts.ResetsCutShort,
                disturbances = result.Counts.Disturbances,
                merged = result.Counts.Merged,
                unshared = result.Counts.Unshared,
                copied = result.Counts.Copied,
                lost = result.Counts.Lost,
                wrong = result.Counts.Wrong,
                verdict = result.Verdict,
                known = result.Known?.Name,
            }),
            pfnCache = cache,
        };
}

/// <summary>A race with what it came to.</summary>
/// <param name="Options">of the race</param>
/// <param name="Counts">what happened in it</param>
/// <param name="Known">what is known of such a race on this kernel, or null</param>
/// <param name="Verdict">on it</param>
internal sealed record RaceResult(KvmRaceOptions Options, KvmRaceCounts Counts, KnownDisagreement? Known, RaceVerdict Verdict);
