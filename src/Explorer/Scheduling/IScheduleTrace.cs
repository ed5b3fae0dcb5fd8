using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>What a witness is made of: what the model says (<see cref="IModelTrace"/>), and what the schedule adds to it.</summary>
public interface IScheduleTrace : IModelTrace
{
    /// <summary>A lane makes a step; it had stopped where <paramref name="cause"/> says.</summary>
    void Stepped(Lane lane, StepCause cause);

    /// <summary>An actor begins something of its plan; outside of every lane, the play itself does.</summary>
    void Began(string what);
}
