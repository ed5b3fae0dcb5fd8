namespace Livebed.Grains.Placement;

/// <summary>
/// Which silo an actor belongs to: a pure function of its key, the mode and the number of silos, so that every silo and the driver give the
/// same answer without asking. Host h is a machine of silo h. When spread, its VMs live one silo further and vCPU j another 1 + j further.
/// So with two or more silos faults and notifications cross silos, and a VM's vCPUs are on all of them. The inventory is on the last silo,
/// not on the primary: the cluster dies with the primary.
/// </summary>
public static class PlacementPolicy
{
    /// <summary>The silo of a run's own count of silos: the actor's, or the next one that can take it. So the place of an actor does not
    /// change when another silo goes.</summary>
    /// <param name="actor">its key</param>
    /// <param name="mode">of the run</param>
    /// <param name="silos">of the run, also those that have gone</param>
    /// <param name="takes">whether the silo with this name takes actors</param>
    /// <returns>null when none does</returns>
    public static string? SiloName(ActorKey actor, PlacementMode mode, int silos, Func<string, bool> takes)
    {
        ArgumentNullException.ThrowIfNull(takes);
        var first = SiloIndex(actor, mode, silos);
        return Enumerable.Range(0, silos).Select(step => ActorKeys.Silo((first + step) % silos)).FirstOrDefault(takes);
    }

    public static int SiloIndex(ActorKey actor, PlacementMode mode, int silos)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(silos);
        var steps = (mode, actor.Role) switch
        {
            (_, ActorRole.Inventory) => silos - 1L,
            (PlacementMode.Spread, ActorRole.Vm) => 1L,
            (PlacementMode.Spread, ActorRole.Vcpu) => 2L + actor.Vcpu,
            _ => 0L,
        };
        return (int)((actor.Index + steps) % silos);
    }
}

/// <summary>How the actors of one VM are laid over the silos; a VM gets the same verdict under both.</summary>
public enum PlacementMode : byte
{
    /// <summary>Host, VM and vCPUs on different silos as soon as there are two: notifications and faults cross the network.</summary>
    Spread,

    /// <summary>A VM lives whole on the silo of its host: guest memory is a local call away.</summary>
    Packed,
}

/// <summary>
/// The order of silos that a silo index counts in: by name, and of two names the shorter first. So <c>silo-10</c> comes after
/// <c>silo-9</c>, and silo i of a full cluster is the one named <c>silo-i</c>.
/// </summary>
public sealed class SiloOrder : IComparer<string>
{
    public static readonly SiloOrder ByName = new();

    public int Compare(string? x, string? y)
    {
        var byLength = (x?.Length ?? 0).CompareTo(y?.Length ?? 0);
        return byLength != 0 ? byLength : string.CompareOrdinal(x, y);
    }
}
