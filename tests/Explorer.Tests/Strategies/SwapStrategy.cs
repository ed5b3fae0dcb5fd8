using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Strategies;

/// <summary>
/// A schedule that depends on a seed and on nothing but which lanes are ready, but for one place: at the given decision two lanes are
/// taken, one right after the other, in one order or the other.
/// </summary>
internal sealed class SwapStrategy(ulong seed, int at, bool swapped) : ISchedulingStrategy
{
    private readonly List<(UInt128 Reads, UInt128 Writes)> _pair = [];
    private int _step;
    private int _first = -1;
    private int _second = -1;

    public bool IsAskedAlways => true;

    public Footprints Footprints { get; } = new();

    /// <summary>Whether there were two lanes, both made their step, and neither wrote what the other touched.</summary>
    public bool AreIndependent =>
        _pair.Count == 2 && (_pair[0].Writes & (_pair[1].Reads | _pair[1].Writes)) == 0 && (_pair[1].Writes & _pair[0].Reads) == 0;

    /// <summary>The lanes that it ran after the two.</summary>
    public List<int> After { get; } = [];

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running)
    {
        var step = _step++;
        if (step > at && step <= at + 2 && _second >= 0) _pair.Add((Footprints.LastReads, Footprints.LastWrites));
        if (step == at && ready.Length > 1) Choose(ready);
        if (step == at && _first >= 0) return IndexOf(ready, swapped ? _second : _first);
        if (step == at + 1 && _second >= 0)
        {
            var index = IndexOf(ready, swapped ? _first : _second);
            if (index >= 0) return index;
            // The first step has stopped the other lane: they depend on each other.
            _second = -1;
            _pair.Clear();
        }

        var best = Best(ready, except: -1);
        if (step > at + 1) After.Add(ready[best].Lane.Id);
        return best;
    }

    public override string ToString() => $"lanes {_first} and {_second}";

    private void Choose(ReadOnlySpan<ReadyLane> ready)
    {
        _first = ready[Best(ready, except: -1)].Lane.Id;
        _second = ready[Best(ready, except: _first)].Lane.Id;
    }

    private int Best(ReadOnlySpan<ReadyLane> ready, int except)
    {
        var best = -1;
        for (var i = 0; i < ready.Length; i++)
            if (ready[i].Lane.Id != except && (best < 0 || Rank(ready[i].Lane.Id) > Rank(ready[best].Lane.Id))) best = i;
        return best;
    }

    private ulong Rank(int lane) => SeededRandom.Mix(seed ^ ((ulong)_step << 16) ^ (ulong)(lane + 1));

    private static int IndexOf(ReadOnlySpan<ReadyLane> ready, int lane)
    {
        for (var i = 0; i < ready.Length; i++)
            if (ready[i].Lane.Id == lane) return i;
        return -1;
    }
}
