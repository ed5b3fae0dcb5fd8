using System.Collections.Immutable;
using Orleans.Placement;

namespace Livebed.Grains.Placement;

/// <summary>The strategy behind <see cref="LivebedPlacementAttribute"/>: the place follows from the grain's key.</summary>
[GenerateSerializer, Immutable, Alias("Livebed.LivebedPlacement")]
public sealed class LivebedPlacement : PlacementStrategy
{
    internal static readonly LivebedPlacement Instance = new();
}

/// <summary>Places the grain by its key (<see cref="ActorKeys"/>) and the cluster's <see cref="PlacementMode"/>.</summary>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = false)]
public sealed class LivebedPlacementAttribute() : PlacementAttribute(LivebedPlacement.Instance);

/// <summary>What all silos of a cluster must agree on, or two of them place one actor differently. A run may change it while there are no
/// actors.</summary>
public sealed class LivebedPlacementOptions
{
    public PlacementMode Mode { get; set; } = PlacementMode.Spread;

    /// <summary>Silos of the run, <c>silo-0</c> and so on, whether or not all of them are there; 0 counts those that are.</summary>
    public int Silos { get; set; }

    /// <summary>An actor of a VM or of a host is on its own silo or nowhere: what was on a dead silo is not looked for on the
    /// next.</summary>
    public bool IsFixed { get; set; }

    /// <summary>Silos that are asked to end: no actor is made on them any more.</summary>
    public ImmutableHashSet<string> Leaving { get; set; } = [];
}
