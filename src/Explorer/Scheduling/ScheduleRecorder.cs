namespace Livebed.Explorer.Scheduling;

/// <summary>Writes a schedule down as runs: which lane made how many steps before another did. Reused from schedule to schedule.</summary>
public sealed class ScheduleRecorder
{
    private readonly List<(int Lane, int Steps)> _runs = [];

    public IReadOnlyList<(int Lane, int Steps)> Runs => _runs;

    public void Clear() => _runs.Clear();

    internal void Add(int lane)
    {
        if (_runs.Count > 0 && _runs[^1].Lane == lane) _runs[^1] = (lane, _runs[^1].Steps + 1);
        else _runs.Add((lane, 1));
    }
}
