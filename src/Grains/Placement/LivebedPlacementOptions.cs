namespace Livebed.Grains.Placement;

/// <summary>What all silos of a cluster must agree on, or two of them place one actor differently.</summary>
public sealed class LivebedPlacementOptions
{
    public PlacementMode Mode { get; set; } = PlacementMode.Spread;
}
