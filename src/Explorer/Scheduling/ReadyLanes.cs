namespace Livebed.Explorer.Scheduling;

/// <summary>
/// Lanes that may go on now, among which a strategy picks; their order means nothing but is the same in every run. A lane that has several
/// continuations to run is in here with the first; the others follow in their order.
/// </summary>
internal sealed class ReadyLanes
{
    // One more than there are ready has room for the lane that runs.
    private ReadyLane[] _lanes = new ReadyLane[4];

    public int Count { get; private set; }

    public ReadOnlySpan<ReadyLane> All => _lanes.AsSpan(0, Count);

    /// <summary>All, and last the lane that runs, which may go on too. Valid until the next change.</summary>
    public ReadOnlySpan<ReadyLane> AllAnd(Lane running, StepCause cause)
    {
        MakeRoom();
        _lanes[Count] = new ReadyLane(running, cause, null, null);
        return _lanes.AsSpan(0, Count + 1);
    }

    public void Add(in ReadyLane ready)
    {
        if (ready.Lane.IsReady)
        {
            ready.Lane.Postpone(ready);
            return;
        }

        ready.Lane.IsReady = true;
        MakeRoom();
        _lanes[Count++] = ready;
    }

    public void Take(int index, out ReadyLane taken)
    {
        taken = _lanes[index];
        _lanes[index] = _lanes[--Count];
        taken.Lane.IsReady = false;
        if (taken.Lane.TryTakePostponed(out var postponed)) Add(postponed);
    }

    /// <summary>Lanes of a dead machine are never ready.</summary>
    public void RemoveStopped()
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
            if (!_lanes[i].Lane.IsStopped) _lanes[kept++] = _lanes[i];
        Count = kept;
    }

    /// <summary>Takes out the lanes of a machine, in their order.</summary>
    public void Remove(Machine machine, List<ReadyLane> removed)
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (_lanes[i].Lane.Machine != machine)
            {
                _lanes[kept++] = _lanes[i];
                continue;
            }

            removed.Add(_lanes[i]);
            _lanes[i].Lane.IsReady = false;
        }

        Count = kept;
    }

    private void MakeRoom()
    {
        if (Count == _lanes.Length) Array.Resize(ref _lanes, 2 * _lanes.Length);
    }
}
