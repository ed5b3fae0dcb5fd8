using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// A deterministic world: one thread, virtual time, and a strategy that chooses the next lane at every scheduling point. Here is what the
/// model sees of it: time, points, delays, lanes. A point makes the decision inside the running lane; a lane that is chosen again continues
/// without a suspension, which makes a step cheap. A lane that stands at <see cref="SchedulingPoint.Retry"/> spins: it is not ready until a
/// lane that does not spin has made a step, or until no other can. The other half of the class runs the schedule.
/// </summary>
public sealed partial class VirtualWorld : IWorld
{
    private static readonly Action<object?> BeginLane = static lane => ((Lane)lane!).World.Begin((Lane)lane);

    private readonly ISchedulingStrategy _strategy;
    private readonly VirtualObserver _observer;
    private readonly StepCount _count;
    private readonly List<Lane> _lanes = [];
    private readonly ReadyLanes _ready = new();
    private readonly ParkedLanes _parked;
    private readonly bool _isAskedAlways;
    private readonly bool _stopsAtFirstViolation;
    private int _chosen = -1;
    private int _pending;
    private Exception? _failure;
    private bool _stopped;
    private bool _givenUp;
    private bool _isAtomic;
    private LanePoint? _spare;

    // Made for the first machine that stands still.
    private List<ReadyLane>? _held;

    /// <param name="strategy">chooses the next lane</param>
    /// <param name="stopAtFirstViolation">whether a violation ends the schedule</param>
    /// <param name="recorder">writes the schedule down for a replay</param>
    /// <param name="footprints">follows what each step reads and writes</param>
    public VirtualWorld(
        ISchedulingStrategy strategy, bool stopAtFirstViolation = true, ScheduleRecorder? recorder = null, Footprints? footprints = null)
    {
        _strategy = strategy;
        _isAskedAlways = strategy.IsAskedAlways;
        _parked = new ParkedLanes(this);
        _count = new StepCount(recorder);
        Footprints = footprints;
        _stopsAtFirstViolation = stopAtFirstViolation;
        _observer = new VirtualObserver(this);
    }

    public long NowMicroseconds { get; private set; }
    public long Steps => _count.Steps;

    /// <inheritdoc cref="StepCount.Progress"/>
    public long Progress => _count.Progress;

    public IModelObserver Observer => _observer;

    /// <summary>Writes down every step for a reader; null for no record.</summary>
    public IScheduleTrace? Trace { get; set; }

    IModelTrace? IWorld.Trace => Trace;
    public LockOrderGraph? LockOrder { get; init; }
    public LockCounts? LockCounts { get; init; }
    public ReachedCounts? ReachedCounts { get; init; }

    /// <summary>Whether others may run between a call of one object to another and its arrival, as in the cluster. In the kernel a call
    /// arrives at once, and preemptible places are points already.</summary>
    public bool CallsArePoints { get; init; } = true;

    /// <summary>Where guests that migrate run, and whether they do.</summary>
    public RunsSomewhereCheck RunsSomewhere => _observer.RunsSomewhere;

    /// <summary>A guest that may migrate accesses its memory on that host, under that epoch.</summary>
    public void GuestAccessed(string vm, string host, long epoch) => _observer.GuestAccessed(vm, host, epoch);

    /// <summary>A host that may live on does not for the others: guests that run there are gone. What they access later is judged as
    /// before.</summary>
    public void GivenUp(string host) => _observer.GivenUp(host);

    /// <inheritdoc cref="RunsSomewhereCheck.Lost"/>
    public void GuestLost(string vm) => _observer.Lost(vm);

    /// <inheritdoc cref="RunsSomewhereCheck.Settled"/>
    public IReadOnlyList<Violation> GuestsThatStand() => _observer.Settled();

    public IReadOnlyList<Violation> Violations => _observer.Violations;
    public IReadOnlyList<Lane> Lanes => _lanes;

    /// <summary>The lane that runs now; null outside of the run and in <see cref="TryRunAtomically"/>.</summary>
    public Lane? Current { get; private set; }

    internal Footprints? Footprints { get; }

    IFootprint? IWorld.Footprint => Footprints;

    SynchronizationContext? IWorld.WaitingContext => Current;

    /// <summary>Adds a lane that begins when it is first chosen, on the machine of the lane that adds it; also from within the
    /// run.</summary>
    /// <param name="name">unique among those of the scenario</param>
    /// <param name="body">what it does</param>
    public Lane Spawn(string name, Func<ValueTask> body) => Spawn(name, body, Current?.Machine);

    /// <summary>Adds a lane that is on no machine: a message between two.</summary>
    internal void SpawnOnTheWay(string name, Func<ValueTask> body) => Spawn(name, body, machine: null);

    private Lane Spawn(string name, Func<ValueTask> body, Machine? machine)
    {
        // Replays go by names.
        foreach (var other in _lanes)
        {
            if (other.Name != name) continue;
            name = $"{name}~{_lanes.Count}";
            break;
        }

        var lane = new Lane(this, _lanes.Count, name, body) { Machine = machine };
        _lanes.Add(lane);
        _pending++;
        MakeReady(new ReadyLane(lane, StepCause.Start, BeginLane, lane));
        return lane;
    }

    /// <summary>The scene has come to a case that matters; most are the model's.</summary>
    public void Reached(ReachedCase reached) => ReachedCounts?.Add(reached);

    public ValueTask PointAsync(SchedulingPoint point)
    {
        if (_isAtomic || (point == SchedulingPoint.Call && !CallsArePoints)) return ValueTask.CompletedTask;
        var cause = (StepCause)point;
        // A decision that was made already stands: the running lane has forked into several waits.
        if (_chosen >= 0 || _stopped || _count.IsSpent) return NewPoint().Wait(cause, due: 0);
        _parked.FireTimers();
        if (cause == StepCause.Retry)
        {
            EndStep();
            Current!.IsSpinning = true;
            var mayHelp = Footprints is not null && Current.IsStale;
            Current.IsStale = false;
            if (!mayHelp && (_ready.Count > 0 || _parked.HasTimers)) return NewPoint().Wait(cause, due: 0, parks: true);
            Current.Seen = 0;
        }
        else if (cause is StepCause.GuestAccess or StepCause.Yield)
        {
            Current!.IsSpinning = false;
        }

        EndStep();
        if (Footprints is null && (_ready.Count == 0 || !Current!.IsSpinning)) _parked.WakeRetrying();
        var pick = Decide(_ready.AllAnd(Current!, cause), running: _ready.Count);
        if (pick == _ready.Count) return ValueTask.CompletedTask;
        _chosen = pick;
        return NewPoint().Wait(cause, due: 0);
    }

    void IWorld.Start(string name, Func<ValueTask> body) => Spawn(name, body);

    public ValueTask DelayAsync(long microseconds)
    {
        if (_isAtomic) return ValueTask.CompletedTask;
        return microseconds <= 0 ? PointAsync(SchedulingPoint.Yield) : NewPoint().Wait(StepCause.Timer, NowMicroseconds + microseconds);
    }

    /// <summary>Where a lane stopped, if it can continue now or at a known time; null when it is done or waits for another lane.</summary>
    public StepCause? StandsAt(Lane lane)
    {
        foreach (var ready in _ready.All)
            if (ready.Lane == lane) return ready.Cause;
        foreach (var parked in _parked.All)
            if (parked.Lane == lane) return parked.Cause;
        return null;
    }

    /// <summary>The lanes of a dead machine make no further step; no lane waits for them.</summary>
    internal void StopLanes(Machine machine)
    {
        foreach (var lane in _lanes)
        {
            if (lane.Machine != machine || lane.IsDone || lane.IsStopped) continue;
            lane.IsStopped = true;
            _pending--;
        }

        _ready.RemoveStopped();
        _parked.RemoveStopped();
    }

    /// <summary>The lanes of a machine that stands still make no step until it goes on.</summary>
    internal void HoldLanes(Machine machine)
    {
        _held ??= [];
        _ready.Remove(machine, _held);
    }

    internal void ReleaseLanes(Machine machine)
    {
        var released = _held!.Where(held => held.Lane.Machine == machine).ToList();
        _held!.RemoveAll(held => held.Lane.Machine == machine);
        foreach (var ready in released) MakeReady(ready);
    }

    internal void MakeReady(in ReadyLane ready)
    {
        if (ready.Lane.IsStopped) return;
        if (_held is not null && ready.Lane.Machine is { IsPaused: true }) _held.Add(ready);
        else _ready.Add(ready);
    }

    internal void ViolationSeen() => _stopped |= _stopsAtFirstViolation;

    internal void AddRetrying(in ReadyLane ready) => _parked.AddRetrying(ready);

    internal void AddTimer(in ReadyLane ready, long due) => _parked.AddTimer(ready, due);

    internal void Return(LanePoint point)
    {
        point.NextSpare = _spare;
        _spare = point;
    }

    private LanePoint NewPoint()
    {
        if (_spare is not { } point) return new LanePoint(this);
        _spare = point.NextSpare;
        return point;
    }
}
