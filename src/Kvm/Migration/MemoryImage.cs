namespace Livebed.Kvm.Migration;

/// <summary>
/// The frozen source's memory as the bed's checks know it; no real migration sends this. All lists have one entry a RAM block.
/// </summary>
/// <param name="Checksums">of every page of the frozen source</param>
/// <param name="Newest">newest value of every page, from which the guest-memory oracle goes on</param>
/// <param name="Stale">post-copy: pages whose copy at the destination is stale or missing, 64 a word; empty otherwise</param>
public sealed record MemoryImage(IReadOnlyList<ulong[]> Checksums, IReadOnlyList<ulong[]> Newest, IReadOnlyList<ulong[]> Stale)
{
    /// <summary>Whether the destination should have the page as it is in the source.</summary>
    public bool IsThere(int block, int page) => Stale.Count == 0 || (Stale[block][page >> 6] & (1UL << (page & 63))) == 0;
}
