using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// Which class was asked for while which was held, as lockdep keeps it: an edge the first time a pair is seen, with the chain that made it.
/// <see cref="PotentialCycles"/> reports cycles that could hang even if nothing did. Instances of one class are told apart only against
/// themselves: an operation that takes two VMs' locks of one class makes no edge.
/// </summary>
[Untracked("what was ever held in which order; no operation acts upon it")]
public sealed class LockOrderGraph
{
    private readonly Dictionary<Edge, string> _edges = [];

    // Per class and mode asked for: the held classes that have an edge already, so that an acquisition costs a comparison and not a walk.
    private HeldLocks[] _known = new HeldLocks[2 * LockClass.Count];

    public IReadOnlyDictionary<Edge, string> Edges => _edges;

    /// <summary>Classes that an operation asked for in write mode, one bit each. It includes operations that held nothing, which make no
    /// edge.</summary>
    public ulong WrittenClasses { get; private set; }

    public void Add(Operation op, LockClass asked, LockMode mode, bool alreadyHoldsInstance)
    {
        if (mode == LockMode.Write) WrittenClasses |= 1UL << asked.Index;
        var holds = alreadyHoldsInstance ? op.Held : op.Held.Without(asked, LockMode.Read).Without(asked, LockMode.Write);
        // A class may have been defined since.
        if (2 * asked.Index + 1 >= _known.Length) Array.Resize(ref _known, 2 * LockClass.Count);
        ref var known = ref _known[2 * asked.Index + (int)mode];
        if ((holds.Read & ~known.Read) == 0 && (holds.Write & ~known.Write) == 0) return;
        known = new HeldLocks(known.Read | holds.Read, known.Write | holds.Write);
        foreach (var (held, heldMode) in holds.Enumerate())
        {
            var edge = new Edge(held, heldMode, asked, mode);
            if (!_edges.ContainsKey(edge))
                _edges[edge] = $"{op.Kind} holds {op.Held} and asks for {asked} ({(mode == LockMode.Read ? "r" : "w")})";
        }
    }

    public void Merge(LockOrderGraph other)
    {
        foreach (var (edge, chain) in other._edges) Merge(edge, chain);
        MergeWritten(other.WrittenClasses);
    }

    public void MergeWritten(ulong classes) => WrittenClasses |= classes;

    public void Merge(Edge edge, string chain) => _edges.TryAdd(edge, chain);

    /// <summary>
    /// Simple cycles in which each wait can really be blocked by the next hold: not read against read, unless a queued writer blocks
    /// readers of that class and some operation asked for it in write mode. At most <paramref name="limit"/> are returned.
    /// </summary>
    public IReadOnlyList<LockCycle> PotentialCycles(int limit = 16)
    {
        var cycles = new List<LockCycle>();
        foreach (var start in _edges.Keys.OrderBy(edge => edge.Held.Index).ThenBy(edge => edge.Asked.Index))
            Extend([start], cycles, limit);
        return cycles;
    }

    private void Extend(List<Edge> path, List<LockCycle> cycles, int limit)
    {
        if (cycles.Count >= limit) return;
        var last = path[^1];
        foreach (var next in _edges.Keys.Where(edge => edge.Held == last.Asked && CanBlock(last, edge)))
        {
            if (next == path[0])
            {
                // Each cycle once: from its smallest class.
                if (path.TrueForAll(edge => edge.Held.Index >= path[0].Held.Index) && cycles.Count < limit)
                    cycles.Add(new LockCycle([.. path], [.. path.Select(edge => _edges[edge])]));
            }
            else if (path.Count < 6 && path.TrueForAll(edge => edge.Held != next.Held))
            {
                path.Add(next);
                Extend(path, cycles, limit);
                path.RemoveAt(path.Count - 1);
            }
        }
    }

    private bool CanBlock(Edge wait, Edge hold)
    {
        if (wait.AskedMode == LockMode.Write || hold.HeldMode == LockMode.Write) return true;
        return wait.Asked.ReadersQueueBehindWriters && (WrittenClasses & (1UL << wait.Asked.Index)) != 0;
    }

    /// <summary>"<paramref name="Held"/> was held when <paramref name="Asked"/> was asked for."</summary>
    public readonly record struct Edge(LockClass Held, LockMode HeldMode, LockClass Asked, LockMode AskedMode);
}

/// <summary>A cycle of the order graph and, for each of its edges, the chain that first made it.</summary>
public sealed record LockCycle(IReadOnlyList<LockOrderGraph.Edge> Edges, IReadOnlyList<string> Chains)
{
    public override string ToString() => string.Join(" -> ", Edges.Select(edge => edge.Held.Name).Append(Edges[0].Held.Name));
}
