using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// The world as the model sees it: a clock, a scheduling point and an observer. The cluster implements it with real time and grain turns,
/// the explorer with virtual time and a seeded strategy. All else comes through ports.
/// </summary>
public interface IWorld
{
    /// <summary>Monotonic time in microseconds; real in the cluster, virtual in the explorer.</summary>
    long NowMicroseconds { get; }

    /// <summary>Monotonic time in microseconds without what the bed stood still: a suspended or slow machine is no livelock. The same as
    /// <see cref="NowMicroseconds"/> in a world that never stands still.</summary>
    long RanMicroseconds => NowMicroseconds;

    /// <summary>
    /// Another actor may run here. The explorer chooses the next lane. The cluster lets the grain's other turns run always at <see
    /// cref="SchedulingPoint.Preempt"/>, at <see cref="SchedulingPoint.Yield"/> when the turn has lasted long enough, and elsewhere with a
    /// small seeded probability; otherwise it returns a completed task.
    /// </summary>
    ValueTask PointAsync(SchedulingPoint point);

    /// <summary>Lets time pass: how long the mm works between start and end of a range, how long a guest idles. At most one
    /// second.</summary>
    ValueTask DelayAsync(long microseconds);

    /// <summary>Lets time pass for a sleeper that can be woken: at most so long, and not longer than until the wakeup. It may return
    /// earlier, so the sleeper looks again. Here it looks every other millisecond, which costs nothing in virtual time; the cluster
    /// sleeps.</summary>
    ValueTask SleepAsync(long microseconds, Wakeup wakeup) => DelayAsync(Math.Min(microseconds, Wakeup.LookMicroseconds));

    IModelObserver Observer { get; }

    /// <summary>Steps of operations that do not spin at <see cref="SchedulingPoint.Retry"/>; always 0 in a world that does not count them.
    /// A retry loop that sees this grow waits for a slow peer; it is not a livelock.</summary>
    long Progress => 0;

    /// <summary>Starts a kernel or user thread that runs beside the caller; it must not fail. The explorer gives it a lane, the cluster a
    /// turn.</summary>
    void Start(string name, Func<ValueTask> body);

    /// <summary>
    /// Calls <paramref name="body"/> for 0 to <paramref name="count"/> - 1 and returns when all have returned. The body must not wait, take
    /// a lock, or write anything shared other than slot <c>index</c>. Calls are sequential here; the cluster uses all idle processors.
    /// </summary>
    void ForAll(int count, Action<int> body)
    {
        for (var index = 0; index < count; index++) body(index);
    }

    /// <summary>Where all lock domains of the world note the order of locks, when it runs many short lives; null gives each domain a graph
    /// of its own.</summary>
    LockOrderGraph? LockOrder => null;

    /// <summary>Where lock domains count their locks, in the same way.</summary>
    LockCounts? LockCounts => null;

    /// <summary>Where the model counts the cases that it comes to; null where nothing asks for them.</summary>
    ReachedCounts? ReachedCounts => null;

    /// <summary>The model has come to a case that matters.</summary>
    void Reached(ReachedCase reached) => ReachedCounts?.Add(reached);

    /// <summary>Whether a case may be looked for: to look is to read, and what is read counts where each step is recorded.</summary>
    bool LooksForCases => ReachedCounts is not null && Footprint is null;

    /// <summary>Records what each step reads and writes; null, as nearly always, for no record. It never changes during the life of the
    /// world.</summary>
    IFootprint? Footprint => null;

    /// <summary>
    /// The context in which a waiter continues when it is woken. Null, as in the cluster, means the context that is current at the await: a
    /// grain's scheduler. A world of one thread names it here and sets no current context, because every await would capture that, even one
    /// that does not wait.
    /// </summary>
    SynchronizationContext? WaitingContext => null;

    /// <summary>The CPU that runs this: a lock that is taken by another than before has bounced. Always the same where none is told from
    /// another.</summary>
    int Cpu => 0;

    /// <summary>Writes down every step for a reader; null, as nearly always, for no record.</summary>
    IModelTrace? Trace => null;
}
