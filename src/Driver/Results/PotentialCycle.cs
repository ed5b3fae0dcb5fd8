using Livebed.Kvm.Locks;

namespace Livebed.Driver.Results;

/// <summary>Lock classes that were taken in an order that could hang, although nothing did, with the chain behind each edge.</summary>
public sealed record PotentialCycle(string Cycle, IReadOnlyList<string> Chains)
{
    public static PotentialCycle From(LockCycle cycle) => new(cycle.ToString(), cycle.Chains);
}
