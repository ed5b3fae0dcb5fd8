namespace Livebed.Explorer.Scheduling;

/// <summary>How one schedule ended.</summary>
public enum ScheduleOutcome
{
    /// <summary>Every lane came to its end.</summary>
    Completed,

    /// <summary>A check was violated, and the world was told to stop at the first.</summary>
    Violated,

    /// <summary>Nobody can run, nobody waits for a time, and somebody is not done.</summary>
    Stuck,

    /// <summary>The step limit was reached.</summary>
    StepLimit,

    /// <summary>A lane threw: a defect of the model or of the scenario.</summary>
    Failed,

    /// <summary>The strategy gave the schedule up: what would follow has been seen.</summary>
    Pruned,
}
