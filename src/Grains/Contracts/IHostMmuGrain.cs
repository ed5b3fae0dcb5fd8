using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>
/// A host's MMU: frames, address spaces, KSM, and the mm operations that notify VMs. Commands of the driver carry an operation id and may
/// be repeated; the calls of VMs and vCPUs are about one address space.
/// </summary>
[Alias("livebed.host")]
public interface IHostMmuGrain : IGrainWithStringKey
{
    ValueTask ConfigureAsync(HostMessage host);

    /// <summary>A process starts; <paramref name="refusesNonBlockable"/> gives it a device driver that answers -EAGAIN to non-blockable
    /// ranges. False when the host is not there.</summary>
    ValueTask<bool> CreateAddressSpaceAsync(OperationMessage op, AddressSpaceSpec spec, bool refusesNonBlockable);

    ValueTask<HostEventResult> RunEventAsync(OperationMessage op, HostEvent memoryEvent);

    /// <summary>Opens a range and leaves it open until <see cref="CloseRangeAsync"/>, which may be a call much later.</summary>
    ValueTask<HostEventResult> OpenRangeAsync(OperationMessage op, HostEvent memoryEvent);

    ValueTask<HostEventResult> CloseRangeAsync(OperationMessage op);

    /// <summary><c>exit_mmap</c>: the process exits.</summary>
    ValueTask ExitAddressSpaceAsync(OperationMessage op, int addressSpace);

    ValueTask<ActorReport> InspectAsync();

    /// <summary>The last reports of a VM that went away here by itself: <see cref="ActorReport.LastOfOthers"/> of this host's next
    /// report.</summary>
    ValueTask KeepLastReportsAsync(IReadOnlyList<ActorReport> reports);

    ValueTask<HostPageMessage> FaultInAsync(OperationMessage op, int addressSpace, long hva, bool write);

    ValueTask PutPageAsync(OperationMessage op, int addressSpace, int pfn);

    ValueTask<bool> WriteUserAsync(OperationMessage op, int addressSpace, long hva, long gfn, ulong value);

    ValueTask<bool> RegisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey, bool hasChangePte);

    ValueTask UnregisterNotifierAsync(OperationMessage op, int addressSpace, string vmKey);

    ValueTask CopyPagesAsync(OperationMessage op, int addressSpace, PageSet pages);

    ValueTask<long[]> ChangedSinceCopyAsync(OperationMessage op, int addressSpace, PageSet dirty);

    /// <summary>SPTEs as <see cref="AuditedSpte"/>s in memory; the answer is the indexes of those that do not hold.</summary>
    ValueTask<int[]> AuditAsync(OperationMessage op, int addressSpace, [Immutable] ReadOnlyMemory<byte> sptes);

    /// <summary>Guest accesses as <see cref="Kvm.Host.GuestAccess"/>es in memory.</summary>
    ValueTask ExecuteAsync(int addressSpace, [Immutable] ReadOnlyMemory<byte> accesses);

    // Migrations: IStreamPort by grain calls.

    /// <param name="op">the operation</param>
    /// <param name="addressSpace">the address space of the pages</param>
    /// <param name="stream">its number</param>
    /// <param name="destination">host that they go to</param>
    /// <param name="destinationAddressSpace">where they are stored there</param>
    /// <param name="bandwidth">the largest rate of the stream</param>
    /// <param name="faults">faults of the network on the way</param>
    ValueTask OpenStreamAsync(
        OperationMessage op, int addressSpace, long stream, string destination, int destinationAddressSpace, StreamBandwidth bandwidth,
        MigrationFaults faults);

    ValueTask CloseStreamAsync(OperationMessage op, int addressSpace, long stream);

    [ResponseTimeout("00:10:00")]
    ValueTask<SendResult> SendPagesAsync(OperationMessage op, int addressSpace, BatchMessage batch);

    /// <summary>Where another host connects to send pages of this address space; null when it, or the host, is not there.</summary>
    ValueTask<PageEndpoint?> IncomingPagesAsync(int addressSpace);

    ValueTask<PageSet> TakeDiscardedAsync(int addressSpace, HvaRange range);

    ValueTask FreezeAsync(OperationMessage op, int addressSpace, bool frozen);

    [ResponseTimeout("00:10:00")]
    ValueTask<WordsMessage> ImageAsync(OperationMessage op, int addressSpace, HvaRange range);

    ValueTask<WordsMessage> SaveOracleAsync(int addressSpace, HvaRange range);

    ValueTask LoadOracleAsync(int addressSpace, HvaRange range, WordsMessage newest);

    ValueTask BeginIncomingAsync(int addressSpace, long stream, long epoch);

    /// <summary>What is missing from here on is asked of the VM <paramref name="vmKey"/>.</summary>
    [ResponseTimeout("00:10:00")]
    ValueTask<long> EnterPostcopyAsync(
        OperationMessage op, int addressSpace, long stream, PageSet[] discard, string vmKey, int vcpus);

    ValueTask<PageSet> MissingAsync(int addressSpace, HvaRange range);

    ValueTask<PostcopyBlocktime> EndIncomingAsync(int addressSpace, long stream);

    ValueTask<long> PagesHeldAsync(OperationMessage op, int addressSpace);

    // Ownership: the host's HostOwnership.

    ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer);

    ValueTask ReleaseAsync(string vm);

    /// <summary>The latest inventory that this host has answered; 0 for none.</summary>
    ValueTask<long> TermAsync();

    /// <summary>What this host owns, for the inventory of that term, which from here on counts alone; null when it is not the first of its
    /// term or later ones.</summary>
    ValueTask<OwnedVm[]?> ReportOwnershipAsync(long term);
}
