using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>How a schedule ended. Two runs with the same decisions have the same <paramref name="LogHash"/>, which mixes every
/// step.</summary>
public sealed record ScheduleResult(
    ScheduleOutcome Outcome, long Steps, long Microseconds, ulong LogHash, IReadOnlyList<Violation> Violations,
    IReadOnlyList<Lane> Unfinished,
    Exception? Failure)
{
    public override string ToString() =>
        $"{Outcome} after {Steps} steps; "
        + $"violations: {string.Join("; ", Violations.Take(3).Select(violation => $"{violation.Invariant}: {violation.Message}"))}; "
        + $"unfinished: {string.Join(", ", Unfinished)}; {Failure}";
}

/// <summary>How one schedule ended.</summary>
public enum ScheduleOutcome
{
    /// <summary>Every lane came to its end.</summary>
    Completed,

    /// <summary>A check was violated, and the world was told to stop at the first.</summary>
    Violated,

    /// <summary>No lane can run, none waits for a time, and at least one is not done.</summary>
    Stuck,

    /// <summary>The step limit was reached.</summary>
    StepLimit,

    /// <summary>A lane threw: a defect of the model or of the scenario.</summary>
    Failed,

    /// <summary>The strategy gave the schedule up: what would follow has been seen.</summary>
    Pruned,
}

/// <summary>
/// The steps of a schedule: how many there were, how many there may be, and a hash over all of them. Steps of lanes that spin count towards
/// the limit only while no other lane progresses: a schedule in which they spin often starves them, and ends nevertheless.
/// </summary>
internal sealed class StepCount(ScheduleRecorder? recorder)
{
    private long _max;
    private long _spun;

    public long Steps { get; private set; }

    /// <summary>Steps of lanes that do not spin.</summary>
    public long Progress { get; private set; }

    /// <summary>Two schedules with the same decisions have the same.</summary>
    public ulong Hash { get; private set; }

    /// <summary>No further step may be made.</summary>
    public bool IsSpent => Steps >= _max;

    public void Allow(long max) => _max = max;

    public void Add(Lane lane, StepCause cause)
    {
        Steps++;
        if (lane.IsSpinning) _spun++;
        else RecordProgress();
        Hash = SeededRandom.Mix(Hash ^ ((ulong)lane.Id << 8) ^ (ulong)cause);
        recorder?.Add(lane.Id);
    }

    private void RecordProgress()
    {
        Progress++;
        _max += _spun;
        _spun = 0;
    }
}
