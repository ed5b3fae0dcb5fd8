using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;
using Spectre.Console;

namespace Livebed.Driver.Exploring;

/// <summary>How far a search is: one line drawn in place on a terminal, a line now and then otherwise, nothing where only JSON is
/// wanted.</summary>
internal sealed class SearchProgress(CommandEnvironment environment, bool isSilent)
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);

    /// <param name="name">of the scenario</param>
    /// <param name="budget">its time; null when it has no limit</param>
    /// <param name="search">given what to call with schedules and steps so far</param>
    public T Show<T>(string name, TimeSpan? budget, Func<Action<long, long>?, T> search)
    {
        if (isSilent) return search(null);
        if (!environment.IsTerminal) return search(Throttled(PlainProgress.Interval, name, budget, environment.Out.WriteLine));
        return environment.CreateConsole().Live(new Text(name)).AutoClear(true).Start(
            context => search(Throttled(_redraw, name, budget, line => context.UpdateTarget(new Text(line)))));
    }

    internal static string Line(string name, TimeSpan elapsed, TimeSpan? budget, long schedules, long steps)
    {
        var time = FormattableString.Invariant($"{elapsed.TotalSeconds:0.0}s");
        if (budget is { } limit) time += FormattableString.Invariant($" of {limit.TotalSeconds:0.#}s");
        var rate = Figures.Rate(steps, 0, elapsed);
        return $"{name}  {time}  schedules {Figures.Count(schedules)}  steps {Figures.Count(steps)}  {rate}";
    }

    private Action<long, long> Throttled(TimeSpan interval, string name, TimeSpan? budget, Action<string> show)
    {
        var begun = environment.Clock.GetTimestamp();
        var next = interval;
        return (schedules, steps) =>
        {
            var elapsed = environment.Clock.GetElapsedTime(begun);
            if (elapsed < next) return;
            next = elapsed + interval;
            show(Line(name, elapsed, budget, schedules, steps));
        };
    }
}
