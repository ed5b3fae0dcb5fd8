using System.Buffers;
using System.Runtime.InteropServices;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace Livebed.Grains.Contracts;

/// <summary>Words as a length and plain bytes, read straight into the array that the receiver keeps; the codec of arrays would write each word as a number of its own.</summary>
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
        if (length % sizeof(ulong) != 0 || length / sizeof(ulong) > WordsMax) throw new InvalidDataException($"{length} bytes are no words");
        var words = GC.AllocateUninitializedArray<ulong>((int)(length / sizeof(ulong)));
        reader.ReadBytes(MemoryMarshal.AsBytes(words.AsSpan()));
        return new WordsMessage(words);
    }
}

/// <summary>Within a silo nothing is copied.</summary>
[RegisterCopier]
internal sealed class WordsCopier : ShallowCopier<WordsMessage>;
