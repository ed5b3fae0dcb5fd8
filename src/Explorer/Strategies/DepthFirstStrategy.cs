using Livebed.Explorer.Scheduling;

namespace Livebed.Explorer.Strategies;

/// <summary>
/// All schedules with at most so many preemptions, one after the other, depth first: a preemption is a switch away from a lane that could have gone
/// on (Musuvathi and Qadeer, PLDI 2007). One instance serves the whole search; <see cref="BeginSchedule"/> before each schedule.
/// Two reductions leave out only what is equal to something played. A node whose happens-before order, running lane and ready lanes were seen before,
/// with no more preemptions spent, is not entered again. And of two independent steps only one order is tried where that cannot cost a schedule its
/// place within the bound (sleep sets, Godefroid 1996, with the preemptions that the other order needs taken into account).
/// </summary>
public sealed class DepthFirstStrategy(int preemptionsMax, bool reduces = true) : ISchedulingStrategy
{
    /// <summary>States remembered; beyond it the search goes on without remembering new ones.</summary>
    public const int StatesMax = 40_000_000;

    private readonly List<Node> _path = [];
    private readonly Dictionary<ulong, byte> _seen = [];
    private Footprints _footprints = new();
    private int _depth;
    private int _preemptions;

    /// <summary>Schedules that were given up because an equal state had been left behind already.</summary>
    public long Equivalent { get; private set; }

    /// <summary>The memory of states was full at some time.</summary>
    public bool IsMemoryFull { get; private set; }

    /// <summary>Begins the next schedule; the world is to be given these footprints. Null when there is none left.</summary>
    public Footprints? BeginSchedule()
    {
        if (_path.Count > 0 && !Advance()) return null;
        _footprints = new Footprints();
        (_depth, _preemptions) = (0, 0);
        return _footprints;
    }

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running)
    {
        if (_depth < _path.Count) return Follow(ready, running);
        if (reduces && WasSeen(ready, running))
        {
            Equivalent++;
            return ISchedulingStrategy.GiveUp;
        }

        var node = new Node(ready.Length);
        for (var i = 0; i < ready.Length; i++) node.Lanes[i] = ready[i].Lane.Id;
        node.Running = running >= 0 ? ready[running].Lane.Id : -1;
        node.PreemptionsBefore = _preemptions;
        // The cheapest first: going on.
        Array.Sort(node.Lanes, (left, right) => (left == node.Running ? -1 : left).CompareTo(right == node.Running ? -1 : right));
        _path.Add(node);
        return Follow(ready, running);
    }

    private int Follow(ReadOnlySpan<ReadyLane> ready, int running)
    {
        var node = _path[_depth++];
        var lane = node.Lanes[node.Next];
        for (var i = 0; i < ready.Length; i++)
        {
            if (ready[i].Lane.Id != lane) continue;
            if (running >= 0 && i != running) _preemptions++;
            return i;
        }

        throw new InvalidOperationException($"lane {lane} could run here before and cannot now: the world is not deterministic");
    }

    /// <summary>Goes back to the last node with something left to try within the bound.</summary>
    private bool Advance()
    {
        while (_path.Count > 0)
        {
            var node = _path[^1];
            // All but the first cost a preemption if somebody could have gone on.
            var cost = node.Running >= 0 ? 1 : 0;
            if (++node.Next < node.Lanes.Length && node.PreemptionsBefore + cost <= preemptionsMax) return true;
            _path.RemoveAt(_path.Count - 1);
        }

        return false;
    }

    private bool WasSeen(ReadOnlySpan<ReadyLane> ready, int running)
    {
        var key = _footprints.State;
        foreach (var entry in ready) key += Livebed.Kvm.World.SeededRandom.Mix(0xABCDEFUL + (ulong)entry.Lane.Id);
        key = Livebed.Kvm.World.SeededRandom.Mix(key ^ (ulong)(running >= 0 ? ready[running].Lane.Id + 1 : 0));
        ref var spent = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(_seen, key);
        if (System.Runtime.CompilerServices.Unsafe.IsNullRef(ref spent))
        {
            if (_seen.Count < StatesMax) _seen.Add(key, (byte)_preemptions);
            else IsMemoryFull = true;
            return false;
        }

        if (spent <= _preemptions) return true;
        spent = (byte)_preemptions;
        return false;
    }

    private sealed class Node(int lanes)
    {
        public int[] Lanes { get; } = new int[lanes];
        public int Next { get; set; }
        public int Running { get; set; }
        public int PreemptionsBefore { get; set; }
    }
}
