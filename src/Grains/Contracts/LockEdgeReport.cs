using Livebed.Kvm.Locks;

namespace Livebed.Grains.Contracts;

/// <summary>An edge of the lock-order graph by class indexes, which are the same in every process.</summary>
public sealed record LockEdgeReport(int Held, LockMode HeldMode, int Asked, LockMode AskedMode, string Chain)
{
    public static IReadOnlyList<LockEdgeReport> From(LockOrderGraph graph) =>
        [.. graph.Edges.Select(entry => new LockEdgeReport(
            entry.Key.Held.Index, entry.Key.HeldMode, entry.Key.Asked.Index, entry.Key.AskedMode, entry.Value))];

    public void MergeInto(LockOrderGraph graph) =>
        graph.Merge(new LockOrderGraph.Edge(LockClass.ByIndex(Held), HeldMode, LockClass.ByIndex(Asked), AskedMode), Chain);
}
