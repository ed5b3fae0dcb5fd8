using System.Runtime.CompilerServices;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors;

/// <summary>
/// The world as one actor of the cluster sees it: the machine's monotonic clock (the same for all processes of a machine, so times of two
/// silos compare), real delays, and the grain's turns as the only order. At <see cref="SchedulingPoint.Yield"/> a turn that ran long enough
/// goes to the end of the grain's queue, and how long it stood there is told to the observer: that is queueing for the actor, not for a
/// lock. Kernel code can be preempted nearly anywhere, a turn only where it awaits something that is not ready. To open the windows of
/// races here too, a small, seeded share of the other scheduling points yields as well, and <see cref="SchedulingPoint.Preempt"/> always
/// does. Everything continues on the scheduler that awaited it, which in a grain is the grain's. Confined to its actor.
/// </summary>
/// <param name="observer">the actor's</param>
/// <param name="time">the clock; only tests have another than the system's</param>
/// <param name="turnMicroseconds">how long a turn runs before it gives way</param>
/// <param name="preemptionSeed">of the preemptions</param>
/// <param name="preemptionShare">share of scheduling points at which the actor gives way, 0 to 1</param>
/// <param name="running">the silo's clock that stands still when the silo does; null for a silo that never does</param>
public sealed class ClusterWorld(
    IModelObserver observer, TimeProvider time, long turnMicroseconds = ClusterWorld.DefaultTurnMicroseconds,
    ulong preemptionSeed = 0, double preemptionShare = 0, RunningClock? running = null) : IWorld
{
    public const long DefaultTurnMicroseconds = 1_000;
    public const double DefaultPreemptionShare = 0.02;
    private const long DelayMicrosecondsMax = 1_000_000;
    private const long SleepMicrosecondsMax = 10_000_000;
    private const long MicrosecondsPerMillisecond = 1_000;
    private readonly SeededRandom _preemptions = new(preemptionSeed);
    private readonly Sleeper _sleeper = new();
    private Action? _wake;
    private AlarmClock? _alarms;
    private readonly double _microsecondsPerTick = 1e6 / time.TimestampFrequency;

    // Orleans does not tell when a turn begins: it counts from when the actor last gave way, for a point or for a delay. So the first yield
    // after a rest may be one too many, which costs a pass through an empty queue.
    private long _turnBegan = (long)(time.GetTimestamp() * (1e6 / time.TimestampFrequency));

    public ClusterWorld(IModelObserver observer) : this(observer, TimeProvider.System) { }

    public IModelObserver Observer { get; } = observer;

    /// <summary>The actor's place on the board of its silo; null for none.</summary>
    internal BoardEntry? Board { get; init; }

    /// <summary>What ends its sleeps: its silo's, or one of its own.</summary>
    internal AlarmClock Alarms
    {
        get => _alarms ??= new AlarmClock(time);
        init => _alarms = value;
    }

    public long NowMicroseconds => (long)(time.GetTimestamp() * _microsecondsPerTick);

    /// <summary>The cases that the actor met since it began.</summary>
    public ReachedCounts ReachedCounts { get; } = new();

    ReachedCounts? IWorld.ReachedCounts => ReachedCounts;

    public int Cpu => Thread.GetCurrentProcessorId();

    public long RanMicroseconds => running?.RanMicroseconds ?? NowMicroseconds;

    /// <summary>On the actor's own scheduler: its turns and the caller's interleave.</summary>
    public void Start(string name, Func<ValueTask> body) => _ = RunAsync(body);

    /// <summary>The turn waits meanwhile, and takes its part.</summary>
    public void ForAll(int count, Action<int> body) => Parallel.For(0, count, body);

    public ValueTask PointAsync(SchedulingPoint point) => point switch
    {
        SchedulingPoint.Yield => NowMicroseconds - _turnBegan >= turnMicroseconds ? YieldAsync() : ValueTask.CompletedTask,
        SchedulingPoint.Preempt => YieldAsync(),
        _ => preemptionShare > 0 && _preemptions.Chance(preemptionShare) ? YieldAsync() : ValueTask.CompletedTask,
    };

    /// <summary>
    /// Lets at least this much time pass. From a millisecond on by a timer, rounded up to its resolution of one millisecond. Below, timers
    /// are too coarse, and what is modelled is a CPU at work on page tables: a processor is indeed busy until the time has passed, one for
    /// all such delays of the process (<see cref="ShortDelays"/>), and the actor's other turns run.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">Negative, or longer than a second.</exception>
    public ValueTask DelayAsync(long microseconds)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(microseconds);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(microseconds, DelayMicrosecondsMax);
        if (microseconds == 0) return ValueTask.CompletedTask;
        if (microseconds < MicrosecondsPerMillisecond) return DelayShortlyAsync(microseconds);
        var milliseconds = (microseconds + MicrosecondsPerMillisecond - 1) / MicrosecondsPerMillisecond;
        return DelayMillisecondsAsync(milliseconds);
    }

    /// <summary>By the silo's alarm clock. A wake-up that comes late ends the next sleep early, which a sleeper allows for.</summary>
    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    public async ValueTask SleepAsync(long microseconds, Wakeup wakeup)
    {
        wakeup.Arm(_wake ??= _sleeper.Wake);

        // All that it has done is counted now.
        Board?.Changed();
        await _sleeper.SleepAsync(Alarms, Math.Min(microseconds, SleepMicrosecondsMax));
        _turnBegan = NowMicroseconds;
    }

    private async Task RunAsync(Func<ValueTask> body)
    {
        Board?.Begins();
        await body();
        Board?.Ends();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask DelayShortlyAsync(long microseconds)
    {
        await ShortDelays.OfProcess.DelayAsync(microseconds);
        _turnBegan = NowMicroseconds;
    }

    private async ValueTask DelayMillisecondsAsync(long milliseconds)
    {
        await Task.Delay(TimeSpan.FromMilliseconds(milliseconds), time);
        _turnBegan = NowMicroseconds;
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder))]
    private async ValueTask YieldAsync()
    {
        var left = NowMicroseconds;
        await Task.Yield();
        _turnBegan = NowMicroseconds;
        Observer.TurnWaited(_turnBegan - left);
    }
}

/// <summary>
/// How an actor's turns are preempted. Kernel code can be interrupted nearly anywhere; a grain's turn only at an await that really waits,
/// which would close most windows of a race. So at each of the model's scheduling points the actor gives way with this probability.
/// </summary>
public sealed class ClusterWorldOptions
{
    /// <summary>Share of scheduling points at which others run, 0 to 1.</summary>
    public double PreemptionShare { get; set; } = ClusterWorld.DefaultPreemptionShare;

    /// <summary>Actors that are made from now on have it.</summary>
    public ulong Seed { get; set; }

    public ulong PreemptionSeed(string actor)
    {
        var seed = Seed;
        foreach (var character in actor) seed = SeededRandom.Mix(seed ^ character);
        return seed;
    }
}
