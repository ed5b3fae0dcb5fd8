using Livebed.Grains.Contracts;

namespace Livebed.Driver.Running;

/// <summary>One migration of the VM of a place of the fleet; see <see cref="Fleet.BeginMove"/>.</summary>
/// <param name="Slot">the place</param>
/// <param name="Source">host where it was</param>
/// <param name="Destination">host where it shall be</param>
/// <param name="SourceKey">its grain there</param>
/// <param name="Key">its grain here</param>
/// <param name="Ordinal">its number and its address space here</param>
/// <param name="From">grain of the source</param>
/// <param name="To">grain of the destination</param>
/// <param name="Request">the order</param>
internal sealed record VmMove(
    VmSlot Slot, int Source, int Destination, string SourceKey, string Key, int Ordinal, IVmGrain From, IVmGrain To,
    MigrationRequest Request)
{
    /// <summary>How often the source's host had died when it began.</summary>
    public int SourceDeaths { get; init; }

    /// <summary>How often the destination's had.</summary>
    public int DestinationDeaths { get; init; }

    /// <summary>The place is where the VM went.</summary>
    public bool HasFollowed => Slot.Key == Key;
}
