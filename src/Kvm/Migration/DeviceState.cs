using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;

namespace Livebed.Kvm.Migration;

/// <summary>
/// What goes over when the vCPUs have stopped, beside pages: memslots, vCPUs, and, in post-copy, which pages are to follow.
/// </summary>
/// <param name="Memslots">user space's memslots, in order of their ids</param>
/// <param name="Vcpus">the vCPUs, stopped</param>
/// <param name="Discard">post-copy: pages whose copy at the destination is stale or missing, 64 a word, one entry a RAM block; empty otherwise</param>
public sealed record DeviceState(IReadOnlyList<MemslotChange> Memslots, IReadOnlyList<VcpuState> Vcpus, IReadOnlyList<ulong[]> Discard)
{
    public bool IsPostcopy => Discard.Count > 0;
}
