using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// Operations and the operations that they wait for. A waiter needs all of its blockers to finish, so every directed cycle is a deadlock,
/// also where a lock has many holders. Blockers that do not wait have no edges and are in no cycle.
/// </summary>
[Untracked("looks on; no operation acts upon it")]
internal sealed class WaitForGraph
{
    private readonly Dictionary<OperationId, List<ObservedWait>> _waits = [];
    private readonly Dictionary<OperationId, List<OperationId>> _waiters = [];

    public WaitForGraph(IEnumerable<ObservedWait> waits)
    {
        foreach (var observed in waits)
        {
            Add(_waits, observed.Wait.Waiter, observed);
            foreach (var blocker in observed.Wait.Blockers) Add(_waiters, blocker.Operation, observed.Wait.Waiter);
        }
    }

    public IReadOnlyList<ObservedWait> WaitsOf(OperationId operation) => _waits.TryGetValue(operation, out var waits) ? waits : [];

    /// <summary>The operations of every strongly connected part that has a cycle.</summary>
    public IEnumerable<HashSet<OperationId>> Knots()
    {
        var seen = new HashSet<OperationId>();
        foreach (var operation in _waits.Keys)
        {
            if (seen.Contains(operation)) continue;
            // Its blockers and its waiters; itself only if there is a path back.
            var knot = Reach(operation, BlockersOf);
            if (!knot.Contains(operation)) continue;
            knot.IntersectWith(Reach(operation, WaitersFor));
            seen.UnionWith(knot);
            yield return knot;
        }
    }

    /// <summary>All that wait, over any number of steps, for one of <paramref name="operations"/>.</summary>
    public HashSet<OperationId> Behind(IEnumerable<OperationId> operations)
    {
        var behind = new HashSet<OperationId>();
        foreach (var operation in operations) Spread(operation, WaitersFor, behind);
        return behind;
    }

    /// <summary>The shortest cycle inside a knot: each wait has a waiter that blocks the wait before it.</summary>
    public List<ObservedWait> ShortestCycle(HashSet<OperationId> knot)
    {
        List<ObservedWait>? shortest = null;
        foreach (var start in knot.OrderBy(operation => operation.Value))
        {
            var cycle = CycleThrough(start, knot);
            if (shortest is null || cycle.Count < shortest.Count) shortest = cycle;
        }

        return shortest!;
    }

    private List<ObservedWait> CycleThrough(OperationId start, HashSet<OperationId> knot)
    {
        // Breadth first; the wait by which each operation was reached leads back.
        var reachedBy = new Dictionary<OperationId, ObservedWait>();
        var queue = new Queue<OperationId>([start]);
        while (!reachedBy.ContainsKey(start))
        {
            foreach (var observed in WaitsOf(queue.Dequeue()))
                foreach (var blocker in observed.Wait.Blockers)
                    if (knot.Contains(blocker.Operation) && reachedBy.TryAdd(blocker.Operation, observed)) queue.Enqueue(blocker.Operation);
        }

        var cycle = new List<ObservedWait>();
        var at = start;
        do
        {
            cycle.Add(reachedBy[at]);
            at = reachedBy[at].Wait.Waiter;
        }
        while (at != start);
        cycle.Reverse();
        return cycle;
    }

    private IEnumerable<OperationId> BlockersOf(OperationId operation) =>
        WaitsOf(operation).SelectMany(observed => observed.Wait.Blockers).Select(blocker => blocker.Operation);

    private IEnumerable<OperationId> WaitersFor(OperationId operation) => _waiters.TryGetValue(operation, out var waiters) ? waiters : [];

    private static HashSet<OperationId> Reach(OperationId from, Func<OperationId, IEnumerable<OperationId>> next)
    {
        var reached = new HashSet<OperationId>();
        Spread(from, next, reached);
        return reached;
    }

    private static void Spread(OperationId from, Func<OperationId, IEnumerable<OperationId>> next, HashSet<OperationId> reached)
    {
        var open = new Stack<OperationId>([from]);
        while (open.TryPop(out var operation))
            foreach (var neighbour in next(operation))
                if (reached.Add(neighbour)) open.Push(neighbour);
    }

    private static void Add<T>(Dictionary<OperationId, List<T>> lists, OperationId operation, T item)
    {
        if (!lists.TryGetValue(operation, out var list)) lists[operation] = list = [];
        list.Add(item);
    }
}
