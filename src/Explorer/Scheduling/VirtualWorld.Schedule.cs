using System.Runtime.CompilerServices;
namespace Livebed.Explorer.Scheduling;

/// <summary>
/// How a schedule runs: the loop takes the lane that the strategy has chosen, and ends when all lanes are done, none can run, a violation
/// stops it, or the limit is reached. Each step takes one microsecond; when no lane is ready, time jumps to the next timer.
/// </summary>
public sealed partial class VirtualWorld
{
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
    /// <returns>false when the action waits: nothing will ever end that wait</returns>
    public bool TryRunAtomically<TOn>(Func<TOn, ValueTask> body, TOn on)
    {
        var outer = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        _isAtomic = true;
        try
        {
            var task = body(on);
            if (!task.IsCompleted) return false;
            task.GetAwaiter().GetResult();
            return true;
        }
        finally
        {
            _isAtomic = false;
            SynchronizationContext.SetSynchronizationContext(outer);
        }
    }

    private bool TryTakeNext(out ReadyLane next)
    {
        next = default;
        if (_chosen < 0)
        {
            _parked.FireTimers();
            while (_ready.Count == 0 && _parked.HasTimers)
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

    private void Begin(Lane lane)
    {
        try
        {
            var body = lane.Body().GetAwaiter();
            if (body.IsCompleted) End(lane, body);
            else body.UnsafeOnCompleted(() => End(lane, body));
        }
        catch (Exception exception)
        {
            Failed(exception);
            Ended(lane);
        }
    }

    private void End(Lane lane, ValueTaskAwaiter body)
    {
        try
        {
            body.GetResult();
        }
        catch (Exception exception)
        {
            Failed(exception);
        }

        Ended(lane);
    }

    private void Failed(Exception exception)
    {
        _failure ??= exception;
        _stopped = true;
    }

    private void Ended(Lane lane)
    {
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
}
