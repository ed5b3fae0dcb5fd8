using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Terminal;
using Livebed.Explorer.MutantRuns;
using Livebed.Explorer.Scenarios;
using Spectre.Console;

namespace Livebed.Driver.MutantRuns;

/// <summary>
/// `livebed mutants`: hunts every mutant with several seeds and tells which check caught it. It is the proof that the checks bite, so it
/// fails when one seed misses one mutant, when something else than what the mutant names caught it, or when a schedule is also bad without
/// it.
/// </summary>
internal sealed class MutantsCommand(CommandEnvironment environment)
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);

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

    private IReadOnlyList<MutantOutcome> Show(MutantsRequest request, long begun)
    {
        if (request.Json) return Hunt(request, begun, null);
        if (!environment.IsTerminal) return Hunt(request, begun, Throttled(PlainProgress.Interval, begun, environment.Out.WriteLine));
        return environment.CreateConsole().Live(new Text("mutants")).AutoClear(true).Start(
            context => Hunt(request, begun, Throttled(_redraw, begun, line => context.UpdateTarget(new Text(line)))));
    }

    private IReadOnlyList<MutantOutcome> Hunt(MutantsRequest request, long begun, Action<int, int, long>? progress) =>
        new MutantRun(request.Mutants, ScenarioCatalog.Find, new MutantRunOptions
        {
            Seeds = request.Seeds,
            Strategy = request.Strategy,
            IsOver = () => IsInterrupted || environment.Clock.GetElapsedTime(begun) >= request.Budget,
            Progress = progress,
        }).Run();

    private Action<int, int, long> Throttled(TimeSpan interval, long begun, Action<string> show)
    {
        var next = interval;
        return (ended, all, schedules) =>
        {
            var elapsed = environment.Clock.GetElapsedTime(begun);
            if (elapsed < next) return;
            next = elapsed + interval;
            var time = FormattableString.Invariant($"{elapsed.TotalSeconds:0.0}s");
            show(FormattableString.Invariant($"{time}  searches ended {ended} of {all}  schedules {Figures.Count(schedules)}"));
        };
    }
}
