namespace Livebed.Explorer.Strategies;

/// <summary>A place in a schedule where more than one lane could go on: who, and what has been tried.</summary>
internal sealed class DepthFirstNode(int preemptionsBefore, int running)
{
    private readonly List<int> _lanes = [];
    private readonly List<Sleeper> _tried = [];
    private int _next;

    /// <summary>The lane that made the step before and could go on; -1 when it could not.</summary>
    public int Running { get; } = running;

    /// <summary>The lane that is tried now.</summary>
    public int Lane => _lanes[_next];

    public bool IsEmpty => _lanes.Count == 0;

    /// <summary>Steps tried here that may sleep while others are.</summary>
    public IReadOnlyList<Sleeper> Tried => _tried;

    /// <summary>The running lane is tried first: to go on costs nothing.</summary>
    public void Add(int lane)
    {
        if (lane == Running) _lanes.Insert(0, lane);
        else _lanes.Add(lane);
    }

    public bool IsAffordable(int preemptionsMax) => preemptionsBefore + (Running >= 0 && Lane != Running ? 1 : 0) <= preemptionsMax;

    public bool Next(int preemptionsMax) => ++_next < _lanes.Count && IsAffordable(preemptionsMax);

    public void Known(Sleeper step, bool maySleep)
    {
        if (maySleep && !_tried.Exists(tried => tried.Lane == step.Lane)) _tried.Add(step);
    }
}
