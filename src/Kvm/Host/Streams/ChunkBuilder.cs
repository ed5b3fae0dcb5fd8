using System.Buffers;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// One chunk in the making, in borrowed buffers that go back when it is disposed of, after the answer. A page is copied to its place in the
/// chunk and checked there, outside of every lock. If it is all zeroes the next page takes its place, and only its entry is sent (QEMU's
/// <c>save_zero_page</c>).
/// </summary>
internal struct ChunkBuilder(int pages, int pageSize, ArrayPool<byte> contentPool) : IDisposable
{
    private readonly long[] _entries = ArrayPool<long>.Shared.Rent(pages);
    private readonly byte[] _content = contentPool.Rent(pages * pageSize);
    private int _count;
    private int _bytes;

    /// <summary>Pages of which only the entry is sent.</summary>
    public int ZeroPages { get; private set; }

    public readonly int Pages => _count;

    /// <summary>Where the next page is to be copied to; it is in the chunk after <see cref="AddCopied"/>.</summary>
    public readonly Span<byte> Next => _content.AsSpan(_bytes, pageSize);

    public void AddCopied(Hva hva)
    {
        if (Next.IndexOfAnyExcept((byte)0) < 0)
        {
            AddZero(hva);
            return;
        }

        _entries[_count++] = PageChunk.EntryOf(hva, isZero: false);
        _bytes += pageSize;
    }

    public void AddZero(Hva hva)
    {
        _entries[_count++] = PageChunk.EntryOf(hva, isZero: true);
        ZeroPages++;
    }

    /// <summary>The chunk without its checksum: see <see cref="PageChunk.Sealed"/>.</summary>
    public readonly PageChunk Build(ChunkHeader header) =>
        new(header, _entries.AsMemory(0, _count), _content.AsMemory(0, _bytes), Checksum: 0);

    public readonly void Dispose()
    {
        ArrayPool<long>.Shared.Return(_entries);
        contentPool.Return(_content);
    }
}
