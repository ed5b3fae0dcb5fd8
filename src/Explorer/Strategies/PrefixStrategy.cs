using Livebed.Explorer.Scheduling;

namespace Livebed.Explorer.Strategies;

/// <summary>Begins as a schedule of the same scene did, and then leaves the choice to another strategy.</summary>
/// <param name="runs">the schedule: lanes by id, and how many steps each makes before the next</param>
/// <param name="steps">how many of its steps are made again</param>
/// <param name="then">chooses after them</param>
public sealed class PrefixStrategy(IReadOnlyList<(int Lane, int Steps)> runs, long steps, ISchedulingStrategy then) : ISchedulingStrategy
{
    private long _step;
    private int _run;
    private int _made;

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running)
    {
        if (_step < steps && _run < runs.Count)
            for (var i = 0; i < ready.Length; i++)
                if (ready[i].Lane.Id == runs[_run].Lane) return i;
        return then.Pick(ready, running);
    }

    public void Stepped(Lane lane)
    {
        if (_step++ < steps && _run < runs.Count && ++_made >= runs[_run].Steps) (_run, _made) = (_run + 1, 0);
        then.Stepped(lane);
    }
}
