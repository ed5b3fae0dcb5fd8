using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// What the model sees of the world it runs in: a clock, a scheduling point and an observer. The cluster implements it with real
/// time and grain turns, the explorer with virtual time and a seeded strategy. Everything else the model needs comes through ports.
/// </summary>
public interface IWorld
{
    /// <summary>Monotonic time in microseconds; real in the cluster, virtual in the explorer.</summary>
    long NowMicroseconds { get; }

    /// <summary>
    /// Where another actor may run. The explorer chooses who continues; the cluster returns a completed task, except at
    /// <see cref="SchedulingPoint.Yield"/>, where it lets the grain's other turns run.
    /// </summary>
    ValueTask PointAsync(SchedulingPoint point);

    /// <summary>Lets time pass: how long the mm works between start and end of a range, how long a guest idles. At most one
    /// second.</summary>
    ValueTask DelayAsync(long microseconds);

    IModelObserver Observer { get; }

    /// <summary>Steps of operations that do not spin at <see cref="SchedulingPoint.Retry"/>; 0 for ever where nobody counts them. Whoever
    /// retries while this grows waits for somebody slow.</summary>
    long Progress => 0;

    /// <summary>Starts a kernel or user thread that runs beside the caller; it must not fail. The explorer gives it a lane, the cluster a
    /// turn.</summary>
    void Start(string name, Func<ValueTask> body);

    /// <summary>
    /// Calls <paramref name="body"/> for 0 to <paramref name="count"/> - 1 and returns when all have returned: reckoning that waits for
    /// nobody, takes no lock and writes nothing but what is its index's. One after the other here; the cluster uses the processors that are
    /// idle.
    /// </summary>
    void ForAll(int count, Action<int> body)
    {
        for (var index = 0; index < count; index++) body(index);
    }

    /// <summary>Where all lock domains of the world note the order of locks, when it runs many short lives; null gives each domain a graph
    /// of its own.</summary>
    LockOrderGraph? LockOrder => null;

    /// <summary>Where they count their locks, in the same way.</summary>
    LockCounts? LockCounts => null;

    /// <summary>Who wants to know what each step reads and writes; null, as nearly always, when nobody does. The same for the life of the
    /// world.</summary>
    IFootprint? Footprint => null;

    /// <summary>
    /// Where whoever waits now is to go on when woken. Null, as in the cluster, leaves that to what is current where it awaits: a grain's
    /// scheduler. A world of one thread names it here, since a context that is current is captured by every await, also by those that wait
    /// for nobody.
    /// </summary>
    SynchronizationContext? WaitingContext => null;

    /// <summary>Who writes down every step for a person to read; null, as nearly always, when nobody does.</summary>
    IModelTrace? Trace => null;
}
