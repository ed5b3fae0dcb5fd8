namespace Livebed.Grains.Placement;

/// <summary>The strategy behind <see cref="LivebedPlacementAttribute"/>: the place follows from the grain's key.</summary>
[GenerateSerializer, Immutable, Alias("Livebed.LivebedPlacement")]
public sealed class LivebedPlacement : PlacementStrategy
{
    internal static readonly LivebedPlacement Instance = new();
}
