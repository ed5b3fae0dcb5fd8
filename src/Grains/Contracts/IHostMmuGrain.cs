using Livebed.Kvm.Host;

namespace Livebed.Grains.Contracts;

/// <summary>
/// A host's MMU: frames, address spaces, KSM, and the mm operations that notify VMs. Commands of the driver carry an operation id and may
/// be repeated; the calls of VMs and vCPUs are about one address space.
/// </summary>
[Alias("livebed.host")]
public interface IHostMmuGrain : IGrainWithStringKey
{
    ValueTask ConfigureAsync(HostMessage host);

    /// <summary>A process starts; <paramref name="refusesNonBlockable"/> gives it a device driver that answers -EAGAIN to non-blockable ranges.</summary>
    ValueTask CreateAddressSpaceAsync(OperationMessage op, AddressSpaceSpec spec, bool refusesNonBlockable);

    ValueTask<HostEventResult> RunEventAsync(OperationMessage op, HostEvent memoryEvent);

    /// <summary>Opens a range and leaves it open until <see cref="CloseRangeAsync"/>, which may be a call much later.</summary>
    ValueTask<HostEventResult> OpenRangeAsync(OperationMessage op, HostEvent memoryEvent);

    ValueTask<HostEventResult> CloseRangeAsync(OperationMessage op);

    /// <summary><c>exit_mmap</c>: the process exits.</summary>
    ValueTask ExitAddressSpaceAsync(OperationMessage op, int addressSpace);

    ValueTask<ActorReport> InspectAsync();

    ValueTask<HostPageMessage> FaultInAsync(OperationMessage op, int addressSpace, long hva, bool write);

    ValueTask PutPageAsync(OperationMessage op, int addressSpace, int pfn);

    ValueTask<bool> WriteUserAsync(OperationMessage op, int addressSpace, long hva, long gfn, ulong value);

    ValueTask<bool> RegisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey, bool hasChangePte);

    ValueTask UnregisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey);

    ValueTask CopyPagesAsync(OperationMessage op, int addressSpace, long hva, long pages, [Immutable] ReadOnlyMemory<byte> bitmap);

    ValueTask<long[]> ChangedSinceCopyAsync(OperationMessage op, int addressSpace, long hva, long pages, [Immutable] ReadOnlyMemory<byte> dirty);

    /// <summary>SPTEs as <see cref="AuditedSpte"/>s in memory; the answer is the indexes of those that do not hold.</summary>
    ValueTask<int[]> AuditAsync(OperationMessage op, int addressSpace, [Immutable] ReadOnlyMemory<byte> sptes);

    /// <summary>Guest accesses as <see cref="Kvm.Paging.GuestAccess"/>es in memory.</summary>
    ValueTask ExecuteAsync(int addressSpace, [Immutable] ReadOnlyMemory<byte> accesses);
}
