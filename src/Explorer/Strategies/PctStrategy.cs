using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Strategies;

/// <summary>
/// Probabilistic concurrency testing (Burckhardt, Kothari, Musuvathi, Nagarakatte, ASPLOS 2010): lanes have random priorities, the highest
/// that can runs, and at depth - 1 random steps the running one falls below all others. A bug that needs d ordering constraints among n
/// lanes and k steps is found with a probability of at least 1 / (n * k^(d-1)). The paper's programs end. Guests that run for ever would
/// keep all others out, so a lane that runs very long falls too, and so do several that run by turns, each waiting for the next, while
/// another could.
/// </summary>
public sealed class PctStrategy : ISchedulingStrategy
{
    public const int DefaultDepth = 3;
    private const int StepsInARowMax = 512;

    /// <summary>So often it is looked whether a lane has stood ready all the time.</summary>
    private const int StepsOfALook = 1_024;

    private readonly SeededRandom _random;
    private readonly long[] _changes;
    private readonly List<int> _ran = [];
    private readonly List<int> _stood = [];
    private long[] _priorities = new long[8];
    private long _lowest;
    private long _step;
    private int _next;
    private int _known;
    private int _last = -1;
    private int _inARow;

    /// <param name="seed">decides everything</param>
    /// <param name="depth">d: ordering constraints that a bug may need, from 1 on; d - 1 changes of priority are made</param>
    /// <param name="steps">k: about how many decisions a schedule has</param>
    public PctStrategy(ulong seed, int depth, long steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(depth, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        _random = new SeededRandom(SeededRandom.Mix(seed ^ 0x5043_54UL));
        _changes = new long[depth - 1];
        for (var i = 0; i < _changes.Length; i++) _changes[i] = _random.Next(steps);
        Array.Sort(_changes);
    }

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running)
    {
        var best = Highest(ready);
        while (_next < _changes.Length && _changes[_next] <= _step)
        {
            _next++;
            Demote(ready[best].Lane.Id);
            best = Highest(ready);
        }

        _step++;
        var chosen = ready[best].Lane.Id;
        _inARow = chosen == _last ? _inARow + 1 : 0;
        _last = chosen;
        if (_inARow > StepsInARowMax) Demote(chosen);
        if (!_ran.Contains(chosen)) _ran.Add(chosen);
        if (_step % StepsOfALook == 0) Look(ready);
        return best;
    }

    /// <summary>Where a lane stood ready at the last look already and has not run since, all that have run fall below it, in their
    /// order.</summary>
    private void Look(ReadOnlySpan<ReadyLane> ready)
    {
        var starves = false;
        foreach (var one in ready) starves |= _stood.Contains(one.Lane.Id) && !_ran.Contains(one.Lane.Id);
        if (starves)
        {
            _ran.Sort((left, right) => PriorityOf(right).CompareTo(PriorityOf(left)));
            foreach (var lane in _ran) Demote(lane);
        }

        _stood.Clear();
        foreach (var one in ready)
            if (!_ran.Contains(one.Lane.Id)) _stood.Add(one.Lane.Id);
        _ran.Clear();
    }

    private int Highest(ReadOnlySpan<ReadyLane> ready)
    {
        var best = 0;
        for (var i = 0; i < ready.Length; i++)
            if (PriorityOf(ready[i].Lane.Id) > PriorityOf(ready[best].Lane.Id)) best = i;
        return best;
    }

    private long PriorityOf(int lane)
    {
        if (lane >= _priorities.Length) Array.Resize(ref _priorities, 2 * lane);
        while (_known <= lane) _priorities[_known++] = _random.Next(1L << 40);
        return _priorities[lane];
    }

    private void Demote(int lane)
    {
        _priorities[lane] = --_lowest;
        _inARow = 0;
    }
}
