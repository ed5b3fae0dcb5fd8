using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Strategies;

/// <summary>
/// All schedules with at most so many preemptions, one after the other, depth first: a preemption is a switch away from a lane that could
/// have gone on (Musuvathi and Qadeer, PLDI 2007). One instance serves the whole search; <see cref="BeginSchedule"/> before each schedule.
/// Two reductions leave out only what is equal to something played, up to the order of independent steps. Sleep sets (Godefroid, 1996):
/// what was tried at a node first sleeps while its alternatives are explored, until a step comes that depends on it. And a node is not
/// entered again if its happens-before order, ready lanes and running lane were seen with no more preemptions spent and no lane asleep that
/// is awake now. With a bound not every tried step may sleep: the order in which it comes first must not cost a preemption more. It does
/// not if the step is the running lane's own, or if its lane could not go on after it: then the switch to the alternative is the same, or
/// free.
/// </summary>
public sealed class DepthFirstStrategy(int preemptionsMax, bool reduces = true) : ISchedulingStrategy
{
    /// <summary>States remembered; beyond it the search goes on without remembering new ones.</summary>
    public const int StatesMax = 20_000_000;

    private readonly List<DepthFirstNode> _path = [];
    private readonly Dictionary<ulong, Visit> _seen = [];
    private readonly List<Sleeper> _sleeping = [];
    private Footprints _footprints = new();
    private int _depth;
    private int _preemptions;
    private int _asked;
    private DepthFirstNode? _last;

    /// <summary>Schedules that were given up because what would follow was equal to something played.</summary>
    public long Equivalent { get; private set; }

    /// <summary>The memory of states was full at some time.</summary>
    public bool IsMemoryFull { get; private set; }

    public bool IsAskedAlways => true;

    /// <summary>Begins the next schedule; the world is to be given these footprints. Null when there is none left.</summary>
    public Footprints? BeginSchedule()
    {
        if (_asked > 0 && !Advance()) return null;
        _footprints = new Footprints();
        _sleeping.Clear();
        (_depth, _preemptions, _last) = (0, 0, null);
        _asked++;
        return _footprints;
    }

    public int Pick(ReadOnlySpan<ReadyLane> ready, int running)
    {
        AfterStep(ready);
        if (ready.Length == 1) return IsAsleep(ready[0].Lane.Id) ? GiveUp() : 0;
        if (_depth < _path.Count) return Follow(ready, running);
        var node = new DepthFirstNode(_preemptions, running >= 0 ? ready[running].Lane.Id : -1);
        foreach (var entry in ready)
            if (!IsAsleep(entry.Lane.Id)) node.Add(entry.Lane.Id);
        if (node.IsEmpty || (reduces && WasSeen(ready, running))) return GiveUp();
        // The first choice may cost a preemption too, when the running lane sleeps.
        if (!node.IsAffordable(preemptionsMax)) return GiveUp();
        _path.Add(node);
        return Follow(ready, running);
    }

    private int Follow(ReadOnlySpan<ReadyLane> ready, int running)
    {
        var node = _last = _path[_depth++];
        for (var i = 0; i < ready.Length; i++)
        {
            if (ready[i].Lane.Id != node.Lane) continue;
            if (running >= 0 && i != running) _preemptions++;
            foreach (var tried in node.Tried)
                if (reduces) _sleeping.Add(tried);
            return i;
        }

        throw new InvalidOperationException($"lane {node.Lane} could run here before and cannot now: the world is not deterministic");
    }

    /// <summary>A step has ended: it wakes the steps that depend on it, and if it was a node's choice its footprint is now known.</summary>
    private void AfterStep(ReadOnlySpan<ReadyLane> ready)
    {
        if (_footprints.LastLane < 0) return;
        var step = new Sleeper(_footprints.LastLane, _footprints.LastReads, _footprints.LastWrites);
        if (_last is not null)
        {
            _last.Known(step, MaySleep(_last, step.Lane, ready));
            _last = null;
        }

        for (var i = _sleeping.Count - 1; i >= 0; i--)
            if (_sleeping[i].Lane == step.Lane || _sleeping[i].DependsOn(step)) _sleeping.RemoveAt(i);
    }

    private static bool MaySleep(DepthFirstNode node, int lane, ReadOnlySpan<ReadyLane> readyAfter)
    {
        if (lane == node.Running) return true;
        foreach (var entry in readyAfter)
            if (entry.Lane.Id == lane) return false;
        return true;
    }

    private int GiveUp()
    {
        Equivalent++;
        return ISchedulingStrategy.GiveUp;
    }

    /// <summary>Goes back to the last node with something left to try within the bound.</summary>
    private bool Advance()
    {
        while (_path.Count > 0)
        {
            if (_path[^1].Next(preemptionsMax)) return true;
            _path.RemoveAt(_path.Count - 1);
        }

        return false;
    }

    private bool IsAsleep(int lane)
    {
        foreach (var sleeper in _sleeping)
            if (sleeper.Lane == lane) return true;
        return false;
    }

    private bool WasSeen(ReadOnlySpan<ReadyLane> ready, int running)
    {
        var key = _footprints.State;
        foreach (var entry in ready) key += SeededRandom.Mix(0xABCDEFUL + (ulong)entry.Lane.Id);
        key = SeededRandom.Mix(key ^ (ulong)(running >= 0 ? ready[running].Lane.Id + 1 : 0));
        uint asleep = 0;
        foreach (var sleeper in _sleeping) asleep |= 1u << (sleeper.Lane & 31);
        ref var before = ref CollectionsMarshal.GetValueRefOrNullRef(_seen, key);
        if (Unsafe.IsNullRef(ref before))
        {
            if (_seen.Count < StatesMax) _seen.Add(key, new Visit(asleep, (byte)_preemptions));
            else IsMemoryFull = true;
            return false;
        }

        if (before.Preemptions <= _preemptions && (before.Asleep & ~asleep) == 0) return true;
        if (_preemptions <= before.Preemptions && (asleep & ~before.Asleep) == 0) before = new Visit(asleep, (byte)_preemptions);
        return false;
    }

    private readonly record struct Visit(uint Asleep, byte Preemptions);
}

/// <summary>A place in a schedule where more than one lane can run: those lanes, and the ones that were tried.</summary>
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

/// <summary>The next step of a lane as it was played elsewhere, and the objects that it read and wrote; see
/// <see cref="DepthFirstStrategy"/>.</summary>
internal readonly record struct Sleeper(int Lane, UInt128 Reads, UInt128 Writes)
{
    public bool DependsOn(in Sleeper other) => (Writes & (other.Reads | other.Writes)) != 0 || (other.Writes & Reads) != 0;
}
