using Orleans.Placement;

namespace Livebed.Grains.Placement;

/// <summary>Places the grain by its key (<see cref="ActorKeys"/>) and the cluster's <see cref="PlacementMode"/>.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class LivebedPlacementAttribute() : PlacementAttribute(LivebedPlacement.Instance);
