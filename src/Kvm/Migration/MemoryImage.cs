using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Migration;

/// <summary>
/// A piece of the frozen source's memory as the bed's checks know it; no real migration sends this. All of it goes piece by piece, so that neither a message nor what is kept for it grows with the
/// guest.
/// </summary>
/// <param name="Pages">at most <see cref="PagesMax"/> pages of one RAM block</param>
/// <param name="Checksums">of every page</param>
/// <param name="Newest">newest value of every page, from which the guest-memory oracle goes on</param>
/// <param name="Stale">post-copy: pages whose copy at the destination is stale or missing, 64 a word; empty otherwise</param>
public sealed record MemoryImage(HvaRange Pages, ulong[] Checksums, ulong[] Newest, ulong[] Stale)
{
    /// <summary>A multiple of 64.</summary>
    public const int PagesMax = 8192;

    /// <summary>Whether the destination should have the page as it is in the source; <paramref name="page"/> 0 is the first of the piece.</summary>
    public bool IsThere(int page) => Stale.Length == 0 || (Stale[page >> 6] & (1UL << (page & 63))) == 0;
}
