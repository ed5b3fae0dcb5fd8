namespace Livebed.Grains.Placement;

/// <summary>
/// Which silo an actor belongs to: a pure function of its key, the mode and the number of silos, so that every silo and the driver give
/// the same answer without asking. Host h is a machine of silo h; when spread, its VMs live one silo further and vCPU j another
/// 1 + j further, so that faults and notifications cross silos from two silos on, and a VM's vCPUs are on all of them. The inventory is on the last silo: not on the
/// primary, whose death is the cluster's.
/// </summary>
public static class PlacementPolicy
{
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
