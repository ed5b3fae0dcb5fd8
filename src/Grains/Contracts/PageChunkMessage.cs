using System.Buffers;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>
/// A <see cref="PageChunk"/> between two hosts. Its bytes are never the garbage collector's: the sender's are borrowed and go over as they lie, the receiver's come from a pool and go
/// back when the chunk has been stored (<see cref="Dispose"/>). A sender that stops waiting reuses its buffers while a receiver on the same silo may still read them, so that one
/// takes a copy first (<see cref="Own"/>); the checksum, which travels along, then finds what was torn.
/// </summary>
[Immutable]
[Alias("livebed.page-chunk")]
public sealed class PageChunkMessage : IDisposable
{
    private long[]? _entries;
    private byte[]? _content;

    public PageChunkMessage(PageChunk chunk) => Chunk = chunk;

    private PageChunkMessage(PageChunk chunk, long[] entries, byte[] content) => (Chunk, _entries, _content) = (chunk, entries, content);

    public PageChunk Chunk { get; }

    /// <summary>A chunk in buffers of its own, to be filled by the caller.</summary>
    internal static PageChunkMessage Rent(ChunkHeader header, int pages, int contentBytes, ulong checksum, out Span<long> entries, out Span<byte> content)
    {
        var rentedEntries = ArrayPool<long>.Shared.Rent(pages);
        var rentedContent = ArrayPool<byte>.Shared.Rent(contentBytes);
        entries = rentedEntries.AsSpan(0, pages);
        content = rentedContent.AsSpan(0, contentBytes);
        return new PageChunkMessage(
            new PageChunk(header, rentedEntries.AsMemory(0, pages), rentedContent.AsMemory(0, contentBytes), checksum), rentedEntries, rentedContent);
    }

    /// <summary>The same chunk in buffers of its own.</summary>
    public PageChunkMessage Own()
    {
        if (_content is not null) return this;
        var owned = Rent(Chunk.Header, Chunk.Pages.Length, Chunk.Content.Length, Chunk.Checksum, out var entries, out var content);
        Chunk.Pages.Span.CopyTo(entries);
        Chunk.Content.Span.CopyTo(content);
        return owned;
    }

    public void Dispose()
    {
        if (Interlocked.Exchange(ref _content, null) is { } content) ArrayPool<byte>.Shared.Return(content);
        if (Interlocked.Exchange(ref _entries, null) is { } entries) ArrayPool<long>.Shared.Return(entries);
    }
}
