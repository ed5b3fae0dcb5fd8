using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;

namespace Livebed.Kvm.Migration;

/// <summary>
/// What goes over when the vCPUs have stopped, beside pages: memslots, vCPUs, and, for the checks, what every page looks like at the source (one checksum a page) and what the
/// oracle knows of it. All lists have one entry a RAM block where they speak of pages.
/// </summary>
/// <param name="Memslots">user space's memslots, in order of their ids</param>
/// <param name="Vcpus">the vCPUs, stopped</param>
/// <param name="Image">checksum of every page of the frozen source</param>
/// <param name="Newest">newest value of every page</param>
/// <param name="Discard">post-copy: pages whose copy at the destination is stale or missing, 64 a word; empty otherwise</param>
public sealed record DeviceState(
    IReadOnlyList<MemslotChange> Memslots, IReadOnlyList<VcpuState> Vcpus, IReadOnlyList<ulong[]> Image, IReadOnlyList<ulong[]> Newest,
    IReadOnlyList<ulong[]> Discard)
{
    public bool IsPostcopy => Discard.Count > 0;
}
