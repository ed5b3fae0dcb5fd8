using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// A deterministic world: one thread, virtual time, and a strategy that chooses the next lane at every scheduling point. The decision is
/// made inside the running lane; if that lane is chosen again it continues without a suspension, which makes a step cheap. Each step takes
/// one microsecond; when no lane is ready time jumps to the next timer. A lane that stands at <see cref="SchedulingPoint.Retry"/> spins: it
/// is not ready until a lane that does not spin has made a step, or until no other can.
/// </summary>
public sealed class VirtualWorld : IWorld
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

    /// <summary>Whether others may run between a call of one object to another and its arrival, as in the cluster. In the kernel a call
    /// arrives at once, and preemptible places are points already.</summary>
    public bool CallsArePoints { get; init; } = true;

    /// <summary>Where guests that migrate run, and whether they do.</summary>
    public RunsSomewhereCheck RunsSomewhere => _observer.RunsSomewhere;

    public IReadOnlyList<Violation> Violations => _observer.Violations;
    public IReadOnlyList<Lane> Lanes => _lanes;

    /// <summary>The lane that runs now; null outside of the run and in <see cref="RunAtomically"/>.</summary>
    public Lane? Current { get; private set; }

    internal Footprints? Footprints { get; }

    IFootprint? IWorld.Footprint => Footprints;

    SynchronizationContext? IWorld.WaitingContext => Current;

    /// <summary>Adds a lane that begins when it is first chosen, on the machine of the lane that adds it; also from within the
    /// run.</summary>
    /// <param name="name">unique among those of the scenario</param>
    /// <param name="body">what it does</param>
    public Lane Spawn(string name, Func<ValueTask> body)
    {
        // Replays go by names.
        foreach (var other in _lanes)
        {
            if (other.Name != name) continue;
            name = $"{name}~{_lanes.Count}";
            break;
        }

        var lane = new Lane(this, _lanes.Count, name, body) { Machine = Current?.Machine };
        _lanes.Add(lane);
        _pending++;
        MakeReady(new ReadyLane(lane, StepCause.Start, BeginLane, lane));
        return lane;
    }

    /// <summary>Runs until all lanes are done, nothing can run any more, or the limit is reached.</summary>
    public ScheduleResult Run(long stepsMax)
    {
        _count.Allow(stepsMax);
        var outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        // Nothing ambient goes with a continuation, so nothing is captured and restored at each.
        using var flow = ExecutionContext.IsFlowSuppressed() ? default : ExecutionContext.SuppressFlow();
        try
        {
            // The last step may have been chosen where another lane stood: it is made too.
            while (!_stopped && _pending > 0 && (!_count.IsSpent || _chosen >= 0) && TryTakeNext(out var next))
            {
                Current = next.Lane;
                next.Run();
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
            Current = null;
        }

        return new ScheduleResult(
            OutcomeNow(), Steps, NowMicroseconds, _count.Hash, _observer.Violations,
            _pending == 0 ? [] : [.. _lanes.Where(lane => !lane.IsDone && !lane.IsStopped)], _failure);
    }

    /// <summary>Runs an action before or after the lanes, as one step in which no other lane can run.</summary>
    /// <exception cref="InvalidOperationException">The action waits for a lane.</exception>
    public void RunAtomically<TOn>(Func<TOn, ValueTask> body, TOn on)
    {
        var outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _isAtomic = true;
        try
        {
            var task = body(on);
            if (!task.IsCompleted) throw new InvalidOperationException("an action of one step waits for a lane that cannot run");
            task.GetAwaiter().GetResult();
        }
        finally
        {
            _isAtomic = false;
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

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

    internal void MakeReady(in ReadyLane ready)
    {
        if (!ready.Lane.IsStopped) _ready.Add(ready);
    }

    internal void ViolationSeen() => _stopped |= _stopsAtFirstViolation;

    internal void AddRetrying(in ReadyLane ready) => _parked.AddRetrying(ready);

    internal void AddTimer(in ReadyLane ready, long due) => _parked.AddTimer(ready, due);

    internal void Return(LanePoint point)
    {
        point.NextSpare = _spare;
        _spare = point;
    }

    private bool TryTakeNext(out ReadyLane next)
    {
        next = default;
        if (_chosen < 0)
        {
            _parked.FireTimers();
            if (_ready.Count == 0 && _parked.HasTimers)
            {
                NowMicroseconds = _parked.NextDue;
                _parked.FireTimers();
            }

            EndStep();
            if (_ready.Count == 0 || (Footprints is null && Current is { IsSpinning: false })) _parked.WakeRetrying();
            if (_ready.Count == 0) return false;
        }

        var index = _chosen >= 0 ? _chosen : Decide(_ready.All, running: -1);
        _chosen = -1;
        if (index < 0) return false;
        _ready.Take(index, out next);
        return true;
    }

    private int Decide(ReadOnlySpan<ReadyLane> candidates, int running)
    {
        var pick = candidates.Length == 1 && !_isAskedAlways ? 0 : _strategy.Pick(candidates, running);
        if (pick < 0)
        {
            (_stopped, _givenUp) = (true, true);
            return pick;
        }

        NowMicroseconds++;
        ref readonly var chosen = ref candidates[pick];
        _count.Add(chosen.Lane, chosen.Cause);
        Trace?.Stepped(chosen.Lane, chosen.Cause);
        _strategy.Stepped(chosen.Lane);
        Footprints?.StepBegins(chosen.Lane, chosen.Cause);
        return pick;
    }

    /// <summary>With footprints it is known what a lane that spins has looked at: it tries again when that was written, and not
    /// before.</summary>
    private void EndStep()
    {
        if (Footprints is null || !Footprints.StepEnded()) return;
        foreach (var lane in _lanes)
        {
            if (lane.Id == Footprints.LastLane) lane.Seen |= Footprints.LastReads | Footprints.LastWrites;
            else if ((lane.Seen & Footprints.LastWrites) != 0) lane.IsStale = true;
        }

        _parked.WakeStale();
    }

    private async void Begin(Lane lane)
    {
        try
        {
            await lane.Body();
        }
        catch (Exception exception)
        {
            _failure ??= exception;
            _stopped = true;
        }

        _pending--;
        lane.IsSpinning = false;
        lane.Completion.Complete();
    }

    private ScheduleOutcome OutcomeNow()
    {
        if (_failure is not null) return ScheduleOutcome.Failed;
        if (_givenUp) return ScheduleOutcome.Pruned;
        if (_stopped) return ScheduleOutcome.Violated;
        if (_pending == 0) return ScheduleOutcome.Completed;
        return _count.IsSpent ? ScheduleOutcome.StepLimit : ScheduleOutcome.Stuck;
    }

    private LanePoint NewPoint()
    {
        if (_spare is not { } point) return new LanePoint(this);
        _spare = point.NextSpare;
        return point;
    }
}
