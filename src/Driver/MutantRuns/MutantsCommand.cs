using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Terminal;
using Livebed.Explorer.MutantRuns;
using Livebed.Explorer.Scenarios;

namespace Livebed.Driver.MutantRuns;

/// <summary>
/// `livebed mutants`: hunts every mutant with several seeds and tells which check caught it. It is the proof that the checks bite, so it
/// fails when one seed misses one mutant, when something else than what the mutant names caught it, or when a schedule is also bad without
/// it.
/// </summary>
internal sealed class MutantsCommand(CommandEnvironment environment)
{
    public int Run(MutantsRequest request)
    {
        var begun = environment.Clock.GetTimestamp();
        var outcomes = Show(request, begun);
        var elapsed = environment.Clock.GetElapsedTime(begun);
        if (request.Json) environment.Out.Write(MutantsJson.Write(request, outcomes, elapsed, IsInterrupted));
        else new MutantsReport(environment).Write(outcomes, elapsed);
        if (IsInterrupted && !request.Json) environment.Out.WriteLine("interrupted: this is what there is");
        environment.Out.Flush();
        if (IsInterrupted) return ExitCodes.Interrupted;
        return outcomes.All(outcome => outcome.IsGood) ? ExitCodes.Valid : ExitCodes.Invalid;
    }

    private bool IsInterrupted => environment.Interrupts.Token.IsCancellationRequested;

    private IReadOnlyList<MutantOutcome> Show(MutantsRequest request, long begun) =>
        new LiveLine(environment, request.Json || request.Quiet).Show(show => Hunt(
            request, begun,
            show is null ? null : (ended, all, schedules) => show(elapsed => Line(request, elapsed, ended, all, schedules))));

    /// <summary>A hunt ends with its last search or with its budget, whichever comes first.</summary>
    private static string Line(MutantsRequest request, TimeSpan elapsed, int ended, int all, long schedules)
    {
        var bar = ProgressBar.Of(Math.Max((double)ended / Math.Max(1, all), elapsed / request.Budget));
        var time = ProgressBar.Time(elapsed, request.Budget);
        return FormattableString.Invariant($"{bar}  {time}  searches {ended} of {all}  schedules {Figures.Count(schedules)}");
    }

    private IReadOnlyList<MutantOutcome> Hunt(MutantsRequest request, long begun, Action<int, int, long>? progress) =>
        new MutantRun(request.Mutants, ScenarioCatalog.Find, new MutantRunOptions
        {
            Seeds = request.Seeds,
            Strategy = request.Strategy,
            IsOver = () => IsInterrupted || environment.Clock.GetElapsedTime(begun) >= request.Budget,
            Progress = progress,
        }).Run();
}
