using System.Buffers.Binary;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Host.Streams;

namespace Livebed.Grains.Wire;

/// <summary>
/// The header of a chunk on a page connection, before its entries and content: <see cref="PageChunk.HeaderBytes"/> bytes, little-endian. A
/// connection carries one chunk at a time and each is answered, so the header has no sequence number: an answer belongs to the last chunk.
/// The frame checks the lengths; the receiver judges all other fields.
/// </summary>
/// <param name="Operation">the operation that sends the chunk</param>
/// <param name="Header">where the chunk belongs</param>
/// <param name="Pages">entries that follow</param>
/// <param name="ContentBytes">bytes of content that follow them</param>
/// <param name="Checksum">over both</param>
internal readonly record struct PageFrame(OperationMessage Operation, ChunkHeader Header, int Pages, int ContentBytes, ulong Checksum)
{
    public const int ContentBytesMax = 64 << 20;

    private const int EpochAt = 8;
    private const int ChecksumAt = 16;
    private const int OperationAt = 24;
    private const int HeldReadAt = 32;
    private const int HeldWriteAt = 40;
    private const int PagesAt = 48;
    private const int ContentBytesAt = 52;
    private const int RoundAt = 56;
    private const int ChannelAt = 60;
    private const int PhaseAt = 62;
    private const int KindAt = 63;

    public static PageFrame Of(in OperationMessage operation, in PageChunk chunk) =>
        new(operation, chunk.Header, chunk.Pages.Length, chunk.Content.Length, chunk.Checksum);

    public void WriteTo(Span<byte> bytes)
    {
        BinaryPrimitives.WriteInt64LittleEndian(bytes, Header.Stream);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[EpochAt..], Header.Epoch);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[ChecksumAt..], Checksum);
        BinaryPrimitives.WriteInt64LittleEndian(bytes[OperationAt..], Operation.OperationId);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[HeldReadAt..], Operation.HeldRead);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes[HeldWriteAt..], Operation.HeldWrite);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[PagesAt..], Pages);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[ContentBytesAt..], ContentBytes);
        BinaryPrimitives.WriteInt32LittleEndian(bytes[RoundAt..], Header.Round);
        BinaryPrimitives.WriteInt16LittleEndian(bytes[ChannelAt..], checked((short)Header.Channel));
        bytes[PhaseAt] = (byte)Header.Phase;
        bytes[KindAt] = Operation.KindNumber;
    }

    /// <exception cref="InvalidDataException">No chunk has such lengths.</exception>
    public static PageFrame Read(ReadOnlySpan<byte> bytes)
    {
        var pages = BinaryPrimitives.ReadInt32LittleEndian(bytes[PagesAt..]);
        var contentBytes = BinaryPrimitives.ReadInt32LittleEndian(bytes[ContentBytesAt..]);
        if (pages is < 0 or > PageChunk.PagesMax || contentBytes is < 0 or > ContentBytesMax)
            throw new InvalidDataException($"a chunk cannot have {pages} pages with {contentBytes} bytes of content");
        var operation = new OperationMessage(
            BinaryPrimitives.ReadInt64LittleEndian(bytes[OperationAt..]), bytes[KindAt],
            BinaryPrimitives.ReadUInt64LittleEndian(bytes[HeldReadAt..]), BinaryPrimitives.ReadUInt64LittleEndian(bytes[HeldWriteAt..]));
        var header = new ChunkHeader(
            BinaryPrimitives.ReadInt64LittleEndian(bytes), BinaryPrimitives.ReadInt64LittleEndian(bytes[EpochAt..]),
            BinaryPrimitives.ReadInt16LittleEndian(bytes[ChannelAt..]), BinaryPrimitives.ReadInt32LittleEndian(bytes[RoundAt..]),
            (StreamPhase)bytes[PhaseAt]);
        return new PageFrame(operation, header, pages, contentBytes, BinaryPrimitives.ReadUInt64LittleEndian(bytes[ChecksumAt..]));
    }
}
