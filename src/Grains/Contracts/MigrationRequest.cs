using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>A migration as the driver orders it.</summary>
/// <param name="Setup">which VM, from where to where. The epoch is the inventory's: the source's grain fills it in, and makes the VM known there when it migrates for the first time</param>
/// <param name="Parameters">how</param>
/// <param name="DestinationKey">key of the VM's grain at the destination: one that no VM has had before</param>
/// <param name="Target">the VM as it will be there: host, address space and ordinal are others, the rest is the source's</param>
public sealed record MigrationRequest(MigrationSetup Setup, MigrationParameters Parameters, string DestinationKey, VmMessage Target)
{
    /// <summary>What the network does to it.</summary>
    public MigrationFaults Faults { get; init; } = MigrationFaults.None;
}
