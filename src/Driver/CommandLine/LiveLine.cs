using Livebed.Driver.Terminal;
using Spectre.Console;

namespace Livebed.Driver.CommandLine;

/// <summary>How far a command is: one line, drawn in place on a terminal; elsewhere a line now and then; nothing for one that is
/// silent.</summary>
internal sealed class LiveLine(CommandEnvironment environment, bool isSilent)
{
    private static readonly TimeSpan _redraw = TimeSpan.FromMilliseconds(100);

    /// <param name="work">given what to call as often as it likes: its line is made from the elapsed time when it is to be shown; null
    /// where nothing is</param>
    public T Show<T>(Func<Action<Func<TimeSpan, string>>?, T> work)
    {
        if (isSilent) return work(null);
        if (!environment.IsTerminal) return work(Throttled(PlainProgress.Interval, environment.Out.WriteLine));
        return environment.CreateConsole().Live(new Text("")).AutoClear(true).Start(
            context => work(Throttled(_redraw, line => context.UpdateTarget(new Text(line)))));
    }

    /// <summary>For steps that take long: each is told when it begins.</summary>
    /// <param name="work">given what to call with a step; elsewhere than on a terminal, steps go to standard error</param>
    public Task<T> ShowAsync<T>(Func<Action<string>, Task<T>> work)
    {
        if (isSilent) return work(_ => { });
        if (!environment.IsTerminal) return work(environment.Error.WriteLine);
        return environment.CreateConsole().Live(new Text("")).AutoClear(true).StartAsync(
            context => work(line => context.UpdateTarget(new Text(line))));
    }

    private Action<Func<TimeSpan, string>> Throttled(TimeSpan interval, Action<string> show)
    {
        var begun = environment.Clock.GetTimestamp();
        var next = interval;
        return line =>
        {
            var elapsed = environment.Clock.GetElapsedTime(begun);
            if (elapsed < next) return;
            next = elapsed + interval;
            show(line(elapsed));
        };
    }
}
