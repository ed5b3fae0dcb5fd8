namespace Livebed.Explorer.Scheduling;

/// <summary>Writes a schedule down as runs: which lane made how many steps before another did. Reused from schedule to schedule.</summary>
public sealed class ScheduleRecorder
{
    private readonly List<(int Lane, int Steps)> _runs = [];

    public IReadOnlyList<(int Lane, int Steps)> Runs => _runs;

    public void Clear() => _runs.Clear();

    /// <summary>The same with the lanes' names, by which replays go.</summary>
    public IReadOnlyList<ScheduleRun> NamedRuns(IReadOnlyList<Lane> lanes) =>
        [.. _runs.Select(run => new ScheduleRun(lanes[run.Lane].Name, run.Steps))];

    internal void Add(int lane)
    {
        if (_runs.Count > 0 && _runs[^1].Lane == lane) _runs[^1] = (lane, _runs[^1].Steps + 1);
        else _runs.Add((lane, 1));
    }
}

/// <summary>A lane runs for so many steps.</summary>
public readonly record struct ScheduleRun(string Lane, int Steps);
