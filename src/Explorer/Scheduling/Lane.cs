using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// One actor of a scenario as the scheduler sees it: a chain of continuations. It is also a synchronization context, so that a lock that is
/// granted to a waiter finds the lane of the continuation. None of its code runs under that context, see <see
/// cref="IWorld.WaitingContext"/>, so a lane must wait only for things of its world: locks, points, times, latches. Of a lane that waits
/// for several things at once only the first that becomes ready is offered to the strategy; the others follow in their order.
/// </summary>
public sealed class Lane : SynchronizationContext
{
    private Queue<ReadyLane>? _backlog;

    internal Lane(VirtualWorld world, int id, string name, Func<ValueTask> body)
    {
        World = world;
        Body = body;
        Id = id;
        Name = name;
        Completion = new Latch(world);
    }

    /// <summary>0, 1, 2, ... in order of spawning.</summary>
    public int Id { get; }

    public string Name { get; }

    /// <summary>Awaited inside the world only; completes also when the lane failed, which the schedule's result tells.</summary>
    public Latch Completion { get; }

    public bool IsDone => Completion.IsCompleted;

    /// <summary>Where it runs now; null for what is on its way between machines, and for chance.</summary>
    internal Machine? Machine { get; set; }

    /// <summary>Its machine has died: no further step of it is made.</summary>
    internal bool IsStopped { get; set; }

    internal VirtualWorld World { get; }

    /// <summary>What it does.</summary>
    internal Func<ValueTask> Body { get; }

    internal bool IsReady { get; set; }

    /// <summary>It has come to a <see cref="Livebed.Kvm.World.SchedulingPoint.Retry"/> and not got anywhere since: its steps are no reason
    /// for others that spin to try again.</summary>
    internal bool IsSpinning { get; set; }

    /// <summary>Places that it has touched since it last began to spin round; see <see cref="Footprints"/>.</summary>
    internal UInt128 Seen { get; set; }

    /// <summary>A lane has written one of them since.</summary>
    internal bool IsStale { get; set; }

    public override void Post(SendOrPostCallback d, object? state) => World.MakeReady(new ReadyLane(this, StepCause.Wake, d, state));

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new NotSupportedException("there is one thread, and it is running");

    public override SynchronizationContext CreateCopy() => this;

    public override string ToString() => Name;

    internal void Postpone(in ReadyLane ready) => (_backlog ??= new Queue<ReadyLane>()).Enqueue(ready);

    internal bool TryTakePostponed(out ReadyLane ready)
    {
        if (_backlog is not null) return _backlog.TryDequeue(out ready);
        ready = default;
        return false;
    }
}
