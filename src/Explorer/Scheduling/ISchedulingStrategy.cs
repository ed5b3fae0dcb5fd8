namespace Livebed.Explorer.Scheduling;

/// <summary>Chooses the next lane; all randomness of a schedule is in here. One instance serves one schedule, unless it says
/// otherwise.</summary>
public interface ISchedulingStrategy
{
    /// <summary>What <see cref="Pick"/> returns to give the schedule up.</summary>
    const int GiveUp = -1;

    /// <summary>Whether it is asked also where there is no choice.</summary>
    bool IsAskedAlways => false;

    /// <summary>Asked where there is a choice: at least two lanes are ready.</summary>
    /// <param name="ready">one entry a lane</param>
    /// <param name="running">index of the lane that made the last step and may go on, -1 when it may not</param>
    /// <returns>index of the one to run, or <see cref="GiveUp"/></returns>
    int Pick(ReadOnlySpan<ReadyLane> ready, int running);

    /// <summary>The lane is about to make a step, chosen or as the only one that can.</summary>
    void Stepped(Lane lane)
    {
    }
}
