using Livebed.Driver.CommandLine;
using Livebed.Driver.Terminal;

namespace Livebed.Driver.Exploring;

/// <summary>How far a search is.</summary>
internal sealed class SearchProgress(CommandEnvironment environment, bool isSilent)
{
    private const int BarColumns = 10;

    /// <param name="name">of the scenario</param>
    /// <param name="budget">its time; null when it has no limit</param>
    /// <param name="search">given what to call with schedules and steps so far</param>
    public T Show<T>(string name, TimeSpan? budget, Func<Action<long, long>?, T> search) => new LiveLine(environment, isSilent).Show(
        show => search(show is null ? null : (schedules, steps) => show(elapsed => Line(name, elapsed, budget, schedules, steps))));

    internal static string Line(string name, TimeSpan elapsed, TimeSpan? budget, long schedules, long steps)
    {
        var rate = Figures.Rate(steps, 0, elapsed);
        return $"{name}  {ProgressBar.Of(elapsed, budget, BarColumns)}  schedules {Figures.Count(schedules)}  steps {rate}";
    }
}
