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
    /// <exception cref="UndecidedException">There is no KVM that could be asked.</exception>
    public int Run(RaceRequest request)
    {
        using var device = KernelCommand.Open(environment);
        var results = new List<RaceResult>();
        environment.Pulse?.Begin(budget: null);
        foreach (var log in request.Logs.Select(RealKernel.LogOf))
            foreach (var disturbance in Enum.GetValues<KvmDisturbance>())
            {
                if (request.Beside is not null && request.Beside != ScriptWords.Of(disturbance)) continue;
                if (disturbance == KvmDisturbance.Merge && !KvmMachine.IsMergingOn) continue;
                if (environment.Interrupts.Token.IsCancellationRequested) break;
                environment.Pulse?.Beat();
                var options = new KvmRaceOptions(log, disturbance, request.Vcpus, request.Time, request.Seed);
                results.Add(Judged(options, Race(device, options)));
            }

        var cache = RunPfnCache(device, request);
        if (request.Json) environment.Out.WriteLine(JsonSerializer.Serialize(JsonOf(request, results, cache), ExploreJson.Options));
        else Write(results, cache);
        environment.Out.Flush();
        if (environment.Interrupts.Token.IsCancellationRequested) return ExitCodes.Interrupted;
        if (cache?.Lost > 0 || results.Exists(result => result.Verdict is RaceVerdict.Broken or RaceVerdict.Gone)) return ExitCodes.Invalid;
        var showsNothing = (results.Count == 0 && cache is null) || results.Exists(result => result.Verdict == RaceVerdict.Unknown);
        return showsNothing ? ExitCodes.Unknown : ExitCodes.Valid;
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
    private KvmPfnCacheCounts? RunPfnCache(KvmDevice device, RaceRequest request)
    {
        if (request.Beside is not (null or RaceRequest.PfnCache) || !KvmPfnCacheRace.IsPossible(device)) return null;
        if (environment.Interrupts.Token.IsCancellationRequested) return null;
        environment.Pulse?.Beat();
        try
        {
            return new KvmPfnCacheRace(device, request.Time).Run(environment.Interrupts.Token);
        }
        catch (KvmException exception)
        {
            throw new UndecidedException(exception.Message);
        }
    }

    private KvmRaceCounts Race(KvmDevice device, KvmRaceOptions options)
    {
        try
        {
            return new KvmRace(device, options).Run(environment.Interrupts.Token);
        }
        catch (KvmException exception)
        {
            throw new UndecidedException(exception.Message);
        }
    }

    private void Write(List<RaceResult> results, KvmPfnCacheCounts? cache)
    {
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
        if (!KvmMachine.IsMergingOn) page.Line("KSM is off here: no race beside merging");
    }

    private static string WhyUnknown(KvmRaceCounts counts) =>
        counts.Accesses.Done == 0 || counts.Rounds == 0 ? "no guest wrote, or no log was read"
        : counts.Merged == 0 ? "KSM was not seen to merge a page"
        : "no page was seen to be written that KSM had merged";

    internal static object JsonOf(RaceRequest request, IReadOnlyList<RaceResult> results, KvmPfnCacheCounts? cache) => new
    {
        seconds = request.Time.TotalSeconds,
        seed = request.Seed,
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
