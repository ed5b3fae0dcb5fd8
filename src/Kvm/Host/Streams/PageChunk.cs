using System.Buffers.Binary;
using System.IO.Hashing;
using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Pages on their way from one host to another. Content is back to back, page by page, for the pages that are not zero. Buffers are
/// borrowed: the sender may reuse them when the call has returned.
/// </summary>
/// <param name="Header">where it belongs</param>
/// <param name="Pages">one entry a page, ascending: <see cref="EntryOf"/></param>
/// <param name="Content">page size times the pages that are not zero, in bytes</param>
/// <param name="Checksum">over entries and content: <see cref="ChecksumOf"/>; 0 before it is sealed</param>
public readonly record struct PageChunk(ChunkHeader Header, ReadOnlyMemory<long> Pages, ReadOnlyMemory<byte> Content, ulong Checksum)
{
    /// <summary>Bytes on the wire that a chunk costs beside its entries and content.</summary>
    public const int HeaderBytes = 64;

    /// <summary>Pages that travel together at most.</summary>
    public const int PagesMax = 1024;

    public long WireBytes => HeaderBytes + (long)Pages.Length * sizeof(long) + Content.Length;

    /// <summary>With its checksum. The link does this, where it takes none of the host's time, and one that copies no bytes has no need of
    /// it.</summary>
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

/// <summary>
/// Where a chunk belongs: which migration (its VM's <paramref name="Epoch"/> fences the streams of earlier ones), which channel, which
/// round, which phase.
/// </summary>
/// <param name="Stream">the migration: unique over the run, more than 0</param>
/// <param name="Epoch">the epoch of the VM when the migration began</param>
/// <param name="Channel">0 to channels - 1; the channel of urgent post-copy pages is <see cref="UrgentChannel"/></param>
/// <param name="Round">0 is the round that sends every page</param>
/// <param name="Phase">pre-copy, its rest, or post-copy</param>
public readonly record struct ChunkHeader(long Stream, long Epoch, int Channel, int Round, StreamPhase Phase)
{
    /// <summary>QEMU's postcopy-preempt channel: pages that a vCPU waits for.</summary>
    public const int UrgentChannel = -1;
}

/// <summary>Which part of a migration a page was read in. The destination takes no pre-copy page once it runs.</summary>
public enum StreamPhase : byte
{
    Precopy,
    Postcopy,

    /// <summary>The rest of pre-copy, read while the guest stands still.</summary>
    Switchover,
}

/// <summary>The checksum by which images of memory are compared.</summary>
public static class PageChecksum
{
    /// <summary>Of a page that was last written by the model: the value in its first and in its last eight bytes, and zeroes
    /// between.</summary>
    public static ulong Of(ulong value, int pageSize)
    {
        Span<byte> page = stackalloc byte[pageSize];
        page.Clear();
        BinaryPrimitives.WriteUInt64LittleEndian(page, value);
        BinaryPrimitives.WriteUInt64LittleEndian(page[(pageSize - sizeof(ulong))..], value);
        return XxHash3.HashToUInt64(page);
    }

    /// <summary>Whether the page is one that the model last wrote with the value: what <see cref="Of"/> is the checksum of.</summary>
    public static bool IsOf(ReadOnlySpan<byte> page, ulong value) =>
        BinaryPrimitives.ReadUInt64LittleEndian(page) == value
        && BinaryPrimitives.ReadUInt64LittleEndian(page[^sizeof(ulong)..]) == value
        && !page[sizeof(ulong)..^sizeof(ulong)].ContainsAnyExcept((byte)0);
}
