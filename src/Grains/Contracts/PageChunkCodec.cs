using System.Buffers;
using System.Runtime.InteropServices;
using Livebed.Kvm.Migration;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace Livebed.Grains.Contracts;

/// <summary>
/// A chunk on the wire: a few fixed words, the page entries, the content. The bytes go from the sender's buffers into the connection's and from there into pooled ones, so each side
/// copies once and allocates nothing. Lengths are checked at the door; everything else about a chunk is its receiver's to judge.
/// </summary>
[RegisterSerializer]
[RegisterCopier]
public sealed class PageChunkCodec : IFieldCodec<PageChunkMessage>, IDeepCopier<PageChunkMessage>
{
    private const int FixedBytes = (3 * sizeof(long)) + (4 * sizeof(int)) + 1;
    private const int ContentBytesMax = 64 << 20;

    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, PageChunkMessage? value)
        where TBufferWriter : IBufferWriter<byte>
    {
        if (value is null)
        {
            ReferenceCodec.WriteNullReference(ref writer, fieldIdDelta);
            return;
        }

        ReferenceCodec.MarkValueField(writer.Session);
        var chunk = value.Chunk;
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(PageChunkMessage), WireType.LengthPrefixed);
        writer.WriteVarUInt32((uint)(FixedBytes + (chunk.Pages.Length * sizeof(long)) + chunk.Content.Length));
        writer.WriteInt64(chunk.Header.Stream);
        writer.WriteInt64(chunk.Header.Epoch);
        writer.WriteUInt64(chunk.Checksum);
        writer.WriteInt32(chunk.Header.Channel);
        writer.WriteInt32(chunk.Header.Round);
        writer.WriteInt32(chunk.Pages.Length);
        writer.WriteInt32(chunk.Content.Length);
        writer.WriteByte((byte)chunk.Header.Phase);
        writer.Write(MemoryMarshal.AsBytes(chunk.Pages.Span));
        writer.Write(chunk.Content.Span);
    }

    public PageChunkMessage? ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        if (field.WireType == WireType.Reference) return ReferenceCodec.ReadReference<PageChunkMessage, TInput>(ref reader, field);
        field.EnsureWireType(WireType.LengthPrefixed);
        ReferenceCodec.MarkValueField(reader.Session);
        var length = reader.ReadVarUInt32();
        var stream = reader.ReadInt64();
        var epoch = reader.ReadInt64();
        var checksum = reader.ReadUInt64();
        var channel = reader.ReadInt32();
        var round = reader.ReadInt32();
        var pages = reader.ReadInt32();
        var contentBytes = reader.ReadInt32();
        var phase = (StreamPhase)reader.ReadByte();
        if (pages is < 0 or > PageBatch.PagesMax || contentBytes is < 0 or > ContentBytesMax || length != FixedBytes + (pages * sizeof(long)) + contentBytes)
            throw new InvalidDataException($"a chunk of {length} bytes cannot have {pages} pages with {contentBytes} bytes of content");
        var message = PageChunkMessage.Rent(
            new ChunkHeader(stream, epoch, channel, round, phase), pages, contentBytes, checksum, out var entries, out var content);
        reader.ReadBytes(MemoryMarshal.AsBytes(entries));
        reader.ReadBytes(content);
        return message;
    }

    /// <summary>Between two hosts of one silo the message itself goes over.</summary>
    public PageChunkMessage? DeepCopy(PageChunkMessage? input, CopyContext context) => input;
}
