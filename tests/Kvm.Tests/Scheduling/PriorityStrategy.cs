using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>
/// Probabilistic concurrency testing (Burckhardt et al., 2010): random priorities, the highest runs until it waits, and at a few random
/// steps the running one falls below all others. Finds orders that need one actor to stand still for long, which a uniform choice
/// hardly ever makes. The model's faults spin until an invalidation ends, so who yields, or runs very long, falls too.
/// </summary>
internal sealed class PriorityStrategy : ISchedulingStrategy
{
    private const int StepsInARowMax = 256;

    private readonly SeededRandom _random;
    private readonly double _changeProbability;
    private readonly List<long> _priorities = [];
    private long _lowest;
    private int _last = -1;
    private int _inARow;

    /// <param name="seed">decides everything</param>
    /// <param name="meanStepsBetweenChanges">how many steps pass between two changes of priority, on average</param>
    public PriorityStrategy(ulong seed, int meanStepsBetweenChanges = 200)
    {
        _random = new SeededRandom(seed);
        _changeProbability = 1.0 / meanStepsBetweenChanges;
    }

    public int Pick(ReadOnlySpan<SimReady> ready)
    {
        var best = 0;
        for (var i = 0; i < ready.Length; i++)
        {
            if (ready[i].Cause == SimCause.Yield && ready[i].Task.Id == _last) Demote(_last);
            if (PriorityOf(ready[i].Task.Id) > PriorityOf(ready[best].Task.Id)) best = i;
        }

        var chosen = ready[best].Task.Id;
        _inARow = chosen == _last ? _inARow + 1 : 0;
        _last = chosen;
        if (_inARow > StepsInARowMax || _random.Chance(_changeProbability)) Demote(chosen);
        return best;
    }

    private long PriorityOf(int task)
    {
        while (_priorities.Count <= task) _priorities.Add(_random.Next(1L << 40));
        return _priorities[task];
    }

    private void Demote(int task)
    {
        PriorityOf(task);
        _priorities[task] = --_lowest;
        _inARow = 0;
    }
}
