using Livebed.Kvm.Addresses;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A migration as the driver orders it.</summary>
/// <param name="Setup">which VM, from where to where. The epoch is the inventory's: the source's grain fills it in, and makes the VM known
/// there when it migrates for the first time</param>
/// <param name="Parameters">how</param>
/// <param name="DestinationKey">key of the VM's grain at the destination: one that no VM has had before</param>
/// <param name="Target">the VM as it will be there: host, address space and ordinal are others, the rest is the source's</param>
public sealed record MigrationRequest(MigrationSetup Setup, MigrationParameters Parameters, string DestinationKey, VmMessage Target)
{
    /// <summary>What the network does to it.</summary>
    public MigrationFaults Faults { get; init; } = MigrationFaults.None;
}

/// <summary>How a migration ended, and, when the VM is not the source's any more, the last reports of the source's VM and vCPUs; empty
/// otherwise.</summary>
public sealed record MigrationOutcome(MigrationInfo Info, IReadOnlyList<ActorReport> LastReports);

/// <summary>A <see cref="DeviceState"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.device-state")]
public sealed record DeviceStateMessage(
    [property: Id(0)] IReadOnlyList<MemslotChange> Memslots, [property: Id(1)] IReadOnlyList<VcpuState> Vcpus,
    [property: Id(2)] PageSet[] Discard)
{
    public static DeviceStateMessage From(DeviceState state) =>
        new([.. state.Memslots], [.. state.Vcpus], [.. state.Discard]);

    public DeviceState ToState() => new(Memslots, Vcpus, Discard);
}

/// <summary>A <see cref="MemoryImage"/> on the wire: a word or more for every page, as plain bytes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.memory-image")]
public sealed record MemoryImageMessage(
    [property: Id(0)] HvaRange Pages, [property: Id(1)] WordsMessage Checksums, [property: Id(2)] WordsMessage Newest,
    [property: Id(3)] PageSet Stale)
{
    public static MemoryImageMessage From(MemoryImage image) =>
        new(image.Pages, new WordsMessage(image.Checksums), new WordsMessage(image.Newest), image.Stale);

    public MemoryImage ToImage() => new(Pages, Checksums.ToWords(), Newest.ToWords(), Stale);
}
