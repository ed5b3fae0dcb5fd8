namespace Livebed.Kvm.Locks;

/// <summary>A cycle of the order graph and, for each of its edges, the chain that first made it.</summary>
public sealed record LockCycle(IReadOnlyList<LockOrderGraph.Edge> Edges, IReadOnlyList<string> Chains)
{
    public override string ToString() => string.Join(" -> ", Edges.Select(edge => edge.Held.Name).Append(Edges[0].Held.Name));
}
