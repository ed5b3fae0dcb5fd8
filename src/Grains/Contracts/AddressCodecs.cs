using System.Buffers;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Orleans.Serialization.Buffers;
using Orleans.Serialization.Cloning;
using Orleans.Serialization.Codecs;
using Orleans.Serialization.WireProtocol;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="PageSet"/> between silos: its range and its words in bytes. Within a silo the words themselves go over: the sender
/// must not change the set any more.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.pages")]
public readonly record struct PageSetSurrogate(
    [property: Id(0)] long FirstHva, [property: Id(1)] long Pages, [property: Id(2)] WordsMessage Words);

[RegisterConverter]
internal sealed class PageSetConverter : IConverter<PageSet, PageSetSurrogate>
{
    /// <exception cref="ArgumentException">The words are not one bit for each page.</exception>
    public PageSet ConvertFromSurrogate(in PageSetSurrogate surrogate) =>
        PageSet.FromWords(new HvaRange(new Hva(surrogate.FirstHva), surrogate.Pages), surrogate.Words.ToWords());

    public PageSetSurrogate ConvertToSurrogate(in PageSet value) =>
        new(value.Range.Start.Value, value.Range.Pages, new WordsMessage(value.Words));
}

/// <summary>An <see cref="HvaRange"/> between silos.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.hvas")]
public readonly record struct HvaRangeSurrogate([property: Id(0)] long Start, [property: Id(1)] long Pages);

[RegisterConverter]
internal sealed class HvaRangeConverter : IConverter<HvaRange, HvaRangeSurrogate>
{
    public HvaRange ConvertFromSurrogate(in HvaRangeSurrogate surrogate) => new(new Hva(surrogate.Start), surrogate.Pages);

    public HvaRangeSurrogate ConvertToSurrogate(in HvaRange value) => new(value.Start.Value, value.Pages);
}

/// <summary>A <see cref="GfnRange"/> between silos.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.gfns")]
public readonly record struct GfnRangeSurrogate([property: Id(0)] Gfn Start, [property: Id(1)] long Pages);

[RegisterConverter]
internal sealed class GfnRangeConverter : IConverter<GfnRange, GfnRangeSurrogate>
{
    public GfnRange ConvertFromSurrogate(in GfnRangeSurrogate surrogate) => new(surrogate.Start, surrogate.Pages);

    public GfnRangeSurrogate ConvertToSurrogate(in GfnRange value) => new(value.Start, value.Pages);
}

/// <summary>A <see cref="HostPage"/> between silos.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.host-page")]
public readonly record struct HostPageSurrogate(
    [property: Id(0)] HostPageStatus Status, [property: Id(1)] Pfn Pfn, [property: Id(2)] bool Writable);

[RegisterConverter]
internal sealed class HostPageConverter : IConverter<HostPage, HostPageSurrogate>
{
    public HostPage ConvertFromSurrogate(in HostPageSurrogate surrogate) => new(surrogate.Status, surrogate.Pfn, surrogate.Writable);

    public HostPageSurrogate ConvertToSurrogate(in HostPage value) => new(value.Status, value.Pfn, value.Writable);
}

/// <summary>An <see cref="Hva"/> as its number.</summary>
[RegisterSerializer]
internal sealed class HvaCodec : IFieldCodec<Hva>
{
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Hva value)
        where TBufferWriter : IBufferWriter<byte> => AddressNumber.Write(ref writer, fieldIdDelta, expectedType, typeof(Hva), value.Value);

    public Hva ReadValue<TInput>(ref Reader<TInput> reader, Field field) => new(AddressNumber.Read(ref reader, field));
}

/// <summary>A <see cref="Gfn"/> as its number.</summary>
[RegisterSerializer]
internal sealed class GfnCodec : IFieldCodec<Gfn>
{
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Gfn value)
        where TBufferWriter : IBufferWriter<byte> => AddressNumber.Write(ref writer, fieldIdDelta, expectedType, typeof(Gfn), value.Value);

    public Gfn ReadValue<TInput>(ref Reader<TInput> reader, Field field) => new(AddressNumber.Read(ref reader, field));
}

/// <summary>A <see cref="Pfn"/> as its number.</summary>
[RegisterSerializer]
internal sealed class PfnCodec : IFieldCodec<Pfn>
{
    public void WriteField<TBufferWriter>(ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Pfn value)
        where TBufferWriter : IBufferWriter<byte> => AddressNumber.Write(ref writer, fieldIdDelta, expectedType, typeof(Pfn), value.Value);

    public Pfn ReadValue<TInput>(ref Reader<TInput> reader, Field field) => new((int)AddressNumber.Read(ref reader, field));
}

[RegisterCopier]
internal sealed class HvaCopier : ShallowCopier<Hva>;

[RegisterCopier]
internal sealed class GfnCopier : ShallowCopier<Gfn>;

[RegisterCopier]
internal sealed class PfnCopier : ShallowCopier<Pfn>;

/// <summary>The wire form that the three kinds of page numbers share: a varint.</summary>
internal static class AddressNumber
{
    public static void Write<TBufferWriter>(
        ref Writer<TBufferWriter> writer, uint fieldIdDelta, Type? expectedType, Type type, long value)
        where TBufferWriter : IBufferWriter<byte>
    {
        ReferenceCodec.MarkValueField(writer.Session);
        writer.WriteFieldHeader(fieldIdDelta, expectedType, type, WireType.VarInt);
        writer.WriteVarInt64(value);
    }

    public static long Read<TInput>(ref Reader<TInput> reader, Field field)
    {
        ReferenceCodec.MarkValueField(reader.Session);
        field.EnsureWireType(WireType.VarInt);
        return reader.ReadVarInt64();
    }
}
