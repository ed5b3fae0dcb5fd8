using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="PageBatch"/> with its <see cref="ChunkHeader"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.batch")]
public readonly record struct BatchMessage(
    [property: Id(0)] long Stream, [property: Id(1)] long Epoch, [property: Id(2)] int Channel, [property: Id(3)] int Round, [property: Id(4)] StreamPhase Phase,
    [property: Id(5)] long FirstHva, [property: Id(6)] long Pages, [property: Id(7)] WordsMessage Bits)
{
    public ChunkHeader Header => new(Stream, Epoch, Channel, Round, Phase);

    public static BatchMessage From(in ChunkHeader header, in PageBatch batch) => new(
        header.Stream, header.Epoch, header.Channel, header.Round, header.Phase, batch.Range.Start.Value, batch.Range.Pages, new WordsMessage(batch.Pages));

    public PageBatch ToBatch() => new(new HvaRange(new Hva(FirstHva), Pages), Bits.Words);
}
