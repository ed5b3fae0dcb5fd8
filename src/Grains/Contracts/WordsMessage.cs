using System.Buffers;
using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host.Streams;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace Livebed.Grains.Contracts;

/// <summary>
/// Checksums, page values and the words of sets of pages on their way from grain to grain. Within a silo the array itself is passed, and
/// its sender writes it no more; between silos the words are plain bytes (<see cref="WordsCodec"/>). There is a word or more for every page
/// of a guest, so every copy costs.
/// </summary>
[Immutable]
[Alias("livebed.words")]
public readonly record struct WordsMessage(ReadOnlyMemory<ulong> Words)
{
    /// <summary>The words as the sender gave them, not a copy.</summary>
    public ulong[] ToWords() =>
        MemoryMarshal.TryGetArray(Words, out var segment) && segment.Array is { } array && array.Length == Words.Length
            ? array
            : Words.ToArray();
}

/// <summary>Words as a length and plain bytes, read straight into the array that the receiver keeps; the codec of arrays would write each
/// word as a number of its own.</summary>
[RegisterSerializer]
internal sealed class WordsCodec : IFieldCodec<WordsMessage>
{
    /// <summary>More than a message between silos may hold.</summary>
    private const int WordsMax = 1 << 24;

    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, WordsMessage value)
        where TBufferWriter : IBufferWriter<byte>
    {
        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, typeof(WordsMessage), WireType.LengthPrefixed);
        var bytes = MemoryMarshal.AsBytes(value.Words.Span);
        writer.WriteVarUInt32((uint)bytes.Length);
        writer.Write(bytes);
    }

    /// <exception cref="InvalidDataException">The length is not one of whole words.</exception>
    public WordsMessage ReadValue<TInput>(ref Reader<TInput> reader, Field field)
    {
        ReferenceCodec.MarkValueField(reader.Session);
        field.EnsureWireType(WireType.LengthPrefixed);
        var length = reader.ReadVarUInt32();
        if (length % sizeof(ulong) != 0 || length / sizeof(ulong) > WordsMax)
            throw new InvalidDataException($"{length} bytes are no words");
        var words = GC.AllocateUninitializedArray<ulong>((int)(length / sizeof(ulong)));
        reader.ReadBytes(MemoryMarshal.AsBytes(words.AsSpan()));
        return new WordsMessage(words);
    }
}

/// <summary>Within a silo nothing is copied.</summary>
[RegisterCopier]
internal sealed class WordsCopier : ShallowCopier<WordsMessage>;

/// <summary>A batch of pages with its <see cref="ChunkHeader"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.batch")]
public readonly record struct BatchMessage(
    [property: Id(0)] long Stream, [property: Id(1)] long Epoch, [property: Id(2)] int Channel, [property: Id(3)] int Round,
    [property: Id(4)] StreamPhase Phase,
    [property: Id(5)] PageSet Pages)
{
    public ChunkHeader Header => new(Stream, Epoch, Channel, Round, Phase);

    public static BatchMessage From(in ChunkHeader header, PageSet pages) =>
        new(header.Stream, header.Epoch, header.Channel, header.Round, header.Phase, pages);
}
