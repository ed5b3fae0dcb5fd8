using Livebed.Explorer.Scheduling;

namespace Livebed.Explorer.Strategies;

/// <summary>
/// Follows a written schedule. Exact: a lane that is to run and cannot is a divergence, and the schedule is given up. Lenient, for
/// shrinking: what cannot be followed is skipped, and where the writing says nothing the running lane goes on, or else the first.
/// </summary>
public sealed class ReplayStrategy(IReadOnlyList<ScheduleRun> schedule, bool isLenient) : ISchedulingStrategy
{
    private int _run;
    private int _made;
    private long _step;

    /// <summary>Where the schedule could not be followed; null while it can.</summary>
    public string? Divergence { get; private set; }

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running)
    {
        SkipFinished();
        while (_run < schedule.Count)
        {
            for (var i = 0; i < ready.Length; i++)
                if (ready[i].Lane.Name == schedule[_run].Lane) return i;
            if (!isLenient) return Diverge($"{schedule[_run].Lane} is to run and cannot; ready: {Names(ready)}");
            (_run, _made) = (_run + 1, 0);
        }

        if (!isLenient) return Diverge($"the schedule is at its end, and {Names(ready)} can still run");
        return running >= 0 ? running : First(ready);
    }

    public void Stepped(Lane lane)
    {
        _step++;
        SkipFinished();
        if (_run < schedule.Count && schedule[_run].Lane == lane.Name) _made++;
        else if (!isLenient)
            Divergence ??= $"step {_step}: {lane.Name} is the only one that can run, "
                + $"and the schedule says {(_run < schedule.Count ? schedule[_run].Lane : "no lane")}";
    }

    private void SkipFinished()
    {
        while (_run < schedule.Count && _made >= schedule[_run].Steps) (_run, _made) = (_run + 1, 0);
    }

    private int Diverge(string why)
    {
        Divergence ??= $"step {_step + 1}: {why}";
        return ISchedulingStrategy.GiveUp;
    }

    private static int First(ReadOnlySpan<ReadyLane> ready)
    {
        var first = 0;
        for (var i = 1; i < ready.Length; i++)
            if (ready[i].Lane.Id < ready[first].Lane.Id) first = i;
        return first;
    }

    private static string Names(ReadOnlySpan<ReadyLane> ready)
    {
        var names = new List<string>();
        foreach (var entry in ready) names.Add(entry.Lane.Name);
        return string.Join(", ", names);
    }
}
