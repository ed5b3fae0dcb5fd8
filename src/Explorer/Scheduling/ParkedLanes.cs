namespace Livebed.Explorer.Scheduling;

/// <summary>
/// Lanes that could run but are not ready yet: those that wait for a time, and those that spin at a <see
/// cref="Livebed.Kvm.World.SchedulingPoint.Retry"/> and cannot progress before another lane has made a step.
/// </summary>
internal sealed class ParkedLanes(VirtualWorld world)
{
    private readonly List<ReadyLane> _retrying = [];

    // Made for the first timer: most schedules have none.
    private PriorityQueue<ReadyLane, (long Due, long Order)>? _timers;
    private long _order;

    /// <summary>When the next timer is due; the end of time when there is none.</summary>
    public long NextDue { get; private set; } = long.MaxValue;

    public bool HasTimers => NextDue < long.MaxValue;

    /// <summary>All of them, in no order.</summary>
    public IEnumerable<ReadyLane> All => _retrying.Concat(_timers?.UnorderedItems.Select(timer => timer.Element) ?? []);

    public void AddRetrying(in ReadyLane ready) => _retrying.Add(ready);

    public void AddTimer(in ReadyLane ready, long due)
    {
        (_timers ??= new()).Enqueue(ready, (due, _order++));
        NextDue = Math.Min(NextDue, due);
    }

    /// <summary>Lanes become ready when their time has come, in order of time.</summary>
    public void FireTimers()
    {
        while (NextDue <= world.NowMicroseconds)
        {
            world.MakeReady(_timers!.Dequeue());
            NextDue = _timers.TryPeek(out _, out var next) ? next.Due : long.MaxValue;
        }
    }

    /// <summary>Lanes of a dead machine wait for nothing any more.</summary>
    public void RemoveStopped()
    {
        _retrying.RemoveAll(parked => parked.Lane.IsStopped);
        if (_timers is null) return;
        var kept = _timers.UnorderedItems.Where(timer => !timer.Element.Lane.IsStopped).ToList();
        _timers.Clear();
        foreach (var (timer, due) in kept) _timers.Enqueue(timer, due);
        NextDue = _timers.TryPeek(out _, out var next) ? next.Due : long.MaxValue;
    }

    public void WakeRetrying()
    {
        if (_retrying.Count == 0) return;
        foreach (var ready in _retrying) world.MakeReady(ready);
        _retrying.Clear();
    }

    /// <summary>Wakes those that spin over something that was written since they looked at it.</summary>
    public void WakeStale()
    {
        for (var i = _retrying.Count - 1; i >= 0; i--)
        {
            if (!_retrying[i].Lane.IsStale) continue;
            world.MakeReady(_retrying[i]);
            _retrying[i].Lane.Seen = 0;
            _retrying[i].Lane.IsStale = false;
            _retrying.RemoveAt(i);
        }
    }
}
