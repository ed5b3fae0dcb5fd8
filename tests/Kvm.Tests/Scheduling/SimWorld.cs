using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>
/// A deterministic world: one thread, virtual time, and a strategy that decides at every scheduling point who continues. A decision is made
/// where the running task stands; if it may go on it goes on without having been suspended, which is what makes a step cheap.
/// Each step takes one microsecond; when nobody is ready time jumps to the next timer.
/// </summary>
internal sealed class SimWorld : IWorld
{
    private readonly ISchedulingStrategy _strategy;
    private readonly SimObserver _observer;
    private readonly List<SimTask> _tasks = [];
    private readonly Stack<SimPoint> _points = new();
    private readonly PriorityQueue<SimReady, (long Due, long Order)> _timers = new();
    private SimReady[] _ready = new SimReady[16];
    private int _readyCount;
    private int _chosen = -1;
    private int _pending;
    private long _stepsMax;
    private long _nextDue = long.MaxValue;
    private long _timerOrder;
    private ulong _hash;
    private Exception? _failure;
    private bool _stopped;

    /// <param name="strategy">who runs next</param>
    /// <param name="stopAtFirstViolation">whether a violation ends the run</param>
    public SimWorld(ISchedulingStrategy strategy, bool stopAtFirstViolation = true)
    {
        _strategy = strategy;
        _observer = new SimObserver(() => _stopped |= stopAtFirstViolation);
    }

    public long NowMicroseconds { get; private set; }
    public long Steps { get; private set; }
    public IModelObserver Observer => _observer;
    public IReadOnlyList<Violation> Violations => _observer.Violations;

    /// <summary>The task that runs now.</summary>
    internal SimTask? Current { get; private set; }

    /// <summary>Adds a task that begins when it is first chosen; also from within the run.</summary>
    public SimTask Spawn(string name, Func<ValueTask> body)
    {
        var task = new SimTask(this, _tasks.Count, name);
        _tasks.Add(task);
        _pending++;
        MakeReady(new SimReady(task, SimCause.Start, (Action<object?>)(_ => Begin(task, body)), null));
        return task;
    }

    /// <summary>Runs until all tasks are done, nothing can run any more, or the limit is reached.</summary>
    public SimResult Run(long stepsMax)
    {
        _stepsMax = stepsMax;
        var outer = SynchronizationContext.Current;
        try
        {
            while (!_stopped && _pending > 0 && Steps < stepsMax && Next() is { } next)
            {
                if (Current != next.Task)
                {
                    Current = next.Task;
                    SynchronizationContext.SetSynchronizationContext(next.Task);
                }

                next.Run();
            }
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(outer);
            Current = null;
        }

        return new SimResult(
            OutcomeNow(), Steps, NowMicroseconds, _hash, _observer.Violations, [.. _tasks.Where(task => !task.IsDone)], _failure);
    }

    public ValueTask PointAsync(SchedulingPoint point)
    {
        var cause = (SimCause)point;
        // A decision that was made already stands: the running task has forked into several waits.
        if (_chosen >= 0 || _stopped || Steps >= _stepsMax) return NewPoint().Wait(cause, due: 0);
        FireTimers();
        if (_readyCount == _ready.Length) Array.Resize(ref _ready, 2 * _ready.Length);
        _ready[_readyCount] = new SimReady(Current!, cause, null, null);
        var pick = Decide(_readyCount + 1);
        _ready[_readyCount] = default;
        if (pick == _readyCount) return ValueTask.CompletedTask;
        _chosen = pick;
        return NewPoint().Wait(cause, due: 0);
    }

    public ValueTask DelayAsync(long microseconds) =>
        microseconds <= 0 ? PointAsync(SchedulingPoint.Yield) : NewPoint().Wait(SimCause.Timer, NowMicroseconds + microseconds);

    internal void MakeReady(in SimReady ready)
    {
        if (_readyCount == _ready.Length) Array.Resize(ref _ready, 2 * _ready.Length);
        _ready[_readyCount++] = ready;
    }

    internal void AddTimer(in SimReady ready, long due)
    {
        _timers.Enqueue(ready, (due, _timerOrder++));
        _nextDue = Math.Min(_nextDue, due);
    }

    internal void Return(SimPoint point) => _points.Push(point);

    private SimReady? Next()
    {
        if (_chosen < 0)
        {
            FireTimers();
            if (_readyCount == 0)
            {
                if (_timers.Count == 0) return null;
                NowMicroseconds = _nextDue;
                FireTimers();
            }
        }

        var index = _chosen >= 0 ? _chosen : Decide(_readyCount);
        _chosen = -1;
        var next = _ready[index];
        _ready[index] = _ready[--_readyCount];
        _ready[_readyCount] = default;
        return next;
    }

    private int Decide(int candidates)
    {
        var pick = candidates == 1 ? 0 : _strategy.Pick(_ready.AsSpan(0, candidates));
        Steps++;
        NowMicroseconds++;
        _hash = SeededRandom.Mix(_hash ^ ((ulong)_ready[pick].Task.Id << 8) ^ (ulong)_ready[pick].Cause);
        return pick;
    }

    private void FireTimers()
    {
        while (_nextDue <= NowMicroseconds)
        {
            MakeReady(_timers.Dequeue());
            _nextDue = _timers.TryPeek(out _, out var next) ? next.Due : long.MaxValue;
        }
    }

    private async void Begin(SimTask task, Func<ValueTask> body)
    {
        try
        {
            await body();
        }
        catch (Exception exception)
        {
            _failure ??= exception;
            _stopped = true;
        }

        _pending--;
        task.Complete();
    }

    private SimOutcome OutcomeNow()
    {
        if (_failure is not null) return SimOutcome.Failed;
        if (_stopped) return SimOutcome.Violated;
        if (_pending == 0) return SimOutcome.Completed;
        return Steps >= _stepsMax ? SimOutcome.StepLimit : SimOutcome.Stuck;
    }

    private SimPoint NewPoint() => _points.TryPop(out var point) ? point : new SimPoint(this);
}
