using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Streams;

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
    /// ranges. Refused when the host is not there, no memory when it is full.</summary>
    ValueTask<StreamStatus> CreateAddressSpaceAsync(OperationMessage op, AddressSpaceSpec spec, bool refusesNonBlockable);

    ValueTask<HostEventResult> RunEventAsync(OperationMessage op, HostEvent memoryEvent);

    /// <summary>Opens a range and leaves it open until <see cref="CloseRangeAsync"/>, which may be a call much later.</summary>
    ValueTask<HostEventResult> OpenRangeAsync(OperationMessage op, HostEvent memoryEvent);

    ValueTask<HostEventResult> CloseRangeAsync(OperationMessage op);

    /// <summary><c>exit_mmap</c>: the process exits.</summary>
    ValueTask ExitAddressSpaceAsync(OperationMessage op, int addressSpace);

    /// <summary>Other programs take all memory that was not promised to processes, but so many pages; null: they end.</summary>
    /// <returns>whether a process with more pages than that could begin now</returns>
    ValueTask<bool> FillAsync(long? left);

    /// <param name="measuredFrom">as in <see cref="IVcpuGrain.InspectAsync"/></param>
    ValueTask<ActorReport> InspectAsync(long measuredFrom = 0);

    /// <summary>As <see cref="IVmGrain.ExplainFaultAsync"/>, of what the host did for the fault.</summary>
    ValueTask<FaultExplanation> ExplainFaultAsync(long fault);

    /// <summary>The last reports of a VM that went away here by itself: <see cref="ActorReport.LastOfOthers"/> of this host's next
    /// report.</summary>
    ValueTask KeepLastReportsAsync(IReadOnlyList<ActorReport> reports);
}
