namespace Livebed.Grains.Placement;

/// <summary>How the actors of one VM are laid over the silos; a VM gets the same verdict under both.</summary>
public enum PlacementMode : byte
{
    /// <summary>Host, VM and vCPUs on different silos as soon as there are two: notifications and faults cross the network.</summary>
    Spread,

    /// <summary>A VM lives whole on the silo of its host: guest memory is a local call away.</summary>
    Packed,
}
