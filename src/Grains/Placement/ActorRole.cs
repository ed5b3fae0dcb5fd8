namespace Livebed.Grains.Placement;

/// <summary>What a grain stands for; the shape of its key says which.</summary>
public enum ActorRole : byte
{
    Host,
    Vm,
    Vcpu,
    SiloProbe,
    Inventory,
}
