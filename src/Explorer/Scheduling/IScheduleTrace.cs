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

/// <summary>Why a continuation became ready: the scheduling point it stopped at, or one of the three ways to get ready otherwise.</summary>
public enum StepCause : byte
{
    LockAcquire = SchedulingPoint.LockAcquire,
    MmStep = SchedulingPoint.MmStep,
    FaultStep = SchedulingPoint.FaultStep,
    TlbFlush = SchedulingPoint.TlbFlush,
    GuestAccess = SchedulingPoint.GuestAccess,
    Preempt = SchedulingPoint.Preempt,
    Yield = SchedulingPoint.Yield,
    Call = SchedulingPoint.Call,
    Retry = SchedulingPoint.Retry,

    /// <summary>Spawned, not begun yet.</summary>
    Start = 64,

    /// <summary>What it waited for was given to it: a lock, a reply, the end of another lane.</summary>
    Wake,

    /// <summary>Its time has come.</summary>
    Timer,
}
