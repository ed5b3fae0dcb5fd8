using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="MemoryImage"/> on the wire: a word or more for every page, as plain bytes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.memory-image")]
public sealed record MemoryImageMessage([property: Id(0)] WordsMessage[] Checksums, [property: Id(1)] WordsMessage[] Newest, [property: Id(2)] WordsMessage[] Stale)
{
    public static MemoryImageMessage From(MemoryImage image) => new(WordsMessage.From(image.Checksums), WordsMessage.From(image.Newest), WordsMessage.From(image.Stale));

    public MemoryImage ToImage() => new(WordsMessage.ToWords(Checksums), WordsMessage.ToWords(Newest), WordsMessage.ToWords(Stale));
}
