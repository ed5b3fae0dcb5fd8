using System.IO.Hashing;
using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Pages on their way from one host to another. Content is back to back, page by page, for the pages that are not zero. Buffers are borrowed: whoever hands a chunk
/// over may reuse them when the call has returned.
/// </summary>
/// <param name="Header">where it belongs</param>
/// <param name="Pages">one entry a page, ascending: <see cref="EntryOf"/></param>
/// <param name="Content">page size times the pages that are not zero, in bytes</param>
/// <param name="Checksum">over entries and content: <see cref="ChecksumOf"/>; 0 before it is sealed</param>
public readonly record struct PageChunk(ChunkHeader Header, ReadOnlyMemory<long> Pages, ReadOnlyMemory<byte> Content, ulong Checksum)
{
    /// <summary>Bytes on the wire that a chunk costs beside its entries and content.</summary>
    public const int HeaderBytes = 64;

    public long WireBytes => HeaderBytes + (long)Pages.Length * sizeof(long) + Content.Length;

    /// <summary>With its checksum. The link does this, where it takes none of the host's time, and one that copies no bytes has no need of it.</summary>
    public PageChunk Sealed() => this with { Checksum = ChecksumOf(Pages.Span, Content.Span) };

    public bool IsIntact => Checksum == ChecksumOf(Pages.Span, Content.Span);

    /// <summary>The page number of the hva, and in bit 0 whether the page is all zeroes.</summary>
    public static long EntryOf(Hva hva, bool isZero) => (hva.Value << 1) | (isZero ? 1L : 0);

    public static Hva HvaOf(long entry) => new(entry >> 1);
    public static bool IsZero(long entry) => (entry & 1) != 0;

    /// <summary>XxHash3 of the content, seeded with that of the entries.</summary>
    public static ulong ChecksumOf(ReadOnlySpan<long> pages, ReadOnlySpan<byte> content) =>
        XxHash3.HashToUInt64(content, unchecked((long)XxHash3.HashToUInt64(MemoryMarshal.AsBytes(pages))));
}
