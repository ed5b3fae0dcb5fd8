namespace Livebed.Driver.Campaigns;

/// <summary>Where the grains of one VM live.</summary>
public enum Placement
{
    /// <summary>A VM, its vCPUs and its host MMU on different silos, so that notifications and faults cross the network.</summary>
    Spread,

    /// <summary>A VM lives whole on its host's silo.</summary>
    Packed,
}
