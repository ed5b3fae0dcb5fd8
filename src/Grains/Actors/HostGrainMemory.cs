using System.Runtime.InteropServices;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Actors;

/// <summary>Guest memory on another silo: one grain call for a batch of accesses, as plain bytes.</summary>
internal sealed class HostGrainMemory(IHostMmuGrain host, int addressSpace) : IGuestMemory
{
    public ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses) =>
        host.ExecuteAsync(addressSpace, MemoryMarshal.AsBytes(accesses.Span).ToArray());
}
