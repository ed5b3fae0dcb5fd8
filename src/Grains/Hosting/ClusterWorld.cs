using System.Runtime.CompilerServices;
using Livebed.Kvm.World;

namespace Livebed.Grains.Hosting;

/// <summary>
/// The world as one actor of the cluster sees it: the machine's monotonic clock (the same for all processes of a machine, so times of two
/// silos compare), real delays, and the grain's turns as the only order. A scheduling point costs nothing; only at
/// <see cref="SchedulingPoint.Yield"/> does a turn that ran long enough go to the end of the grain's queue, and how long it stood there is
/// told to the observer: that is queueing for the actor, not for a lock. Everything continues on the scheduler that awaited it, which in a
/// grain is the grain's. Confined to its actor.
/// </summary>
/// <param name="observer">the actor's</param>
/// <param name="time">the clock; only tests have another than the system's</param>
/// <param name="turnMicroseconds">how long a turn runs before it gives way</param>
public sealed class ClusterWorld(IModelObserver observer, TimeProvider time, long turnMicroseconds = ClusterWorld.DefaultTurnMicroseconds) : IWorld
{
    public const long DefaultTurnMicroseconds = 1_000;
    private const long DelayMicrosecondsMax = 1_000_000;
    private const long MicrosecondsPerMillisecond = 1_000;
    private readonly double _microsecondsPerTick = 1e6 / time.TimestampFrequency;
    private long _turnBegan = (long)(time.GetTimestamp() * (1e6 / time.TimestampFrequency));

    public ClusterWorld(IModelObserver observer) : this(observer, TimeProvider.System) { }

    public IModelObserver Observer { get; } = observer;
    public long NowMicroseconds => (long)(time.GetTimestamp() * _microsecondsPerTick);

    /// <summary>
    /// Tells that a turn begins, so that its length counts from now. Nothing in Orleans says so by itself; without this a turn's length
    /// counts from the actor's last yield, and the first yield after a rest is one too many.
    /// </summary>
    public void BeginTurn() => _turnBegan = NowMicroseconds;

    public ValueTask PointAsync(SchedulingPoint point) =>
        point == SchedulingPoint.Yield && NowMicroseconds - _turnBegan >= turnMicroseconds ? YieldAsync() : ValueTask.CompletedTask;

    /// <summary>
    /// Lets at least this much time pass. From a millisecond on by a timer, rounded up to its resolution of one millisecond. Below, timers
    /// are too coarse, and what is modelled is a CPU at work on page tables: the actor yields over and over until the time has passed,
    /// so its other turns run and the processor is indeed busy.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or longer than a second.</exception>
    public ValueTask DelayAsync(long microseconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microseconds);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(microseconds, DelayMicrosecondsMax);
        if (microseconds == 0) return ValueTask.CompletedTask;
        if (microseconds < MicrosecondsPerMillisecond) return YieldUntilAsync(NowMicroseconds + microseconds);
        var milliseconds = (microseconds + MicrosecondsPerMillisecond - 1) / MicrosecondsPerMillisecond;
        return new ValueTask(Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time));
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask YieldAsync()
    {
        var left = NowMicroseconds;
        await Task.Yield();
        _turnBegan = NowMicroseconds;
        Observer.TurnWaited(_turnBegan - left);
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask YieldUntilAsync(long deadline)
    {
        do await Task.Yield();
        while (NowMicroseconds < deadline);
        _turnBegan = NowMicroseconds;
    }
}
