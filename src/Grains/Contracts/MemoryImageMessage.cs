using Livebed.Kvm.Addresses;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="MemoryImage"/> on the wire: a word or more for every page, as plain bytes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.memory-image")]
public sealed record MemoryImageMessage(
    [property: Id(0)] HvaRange Pages, [property: Id(1)] WordsMessage Checksums, [property: Id(2)] WordsMessage Newest, [property: Id(3)] WordsMessage Stale)
{
    public static MemoryImageMessage From(MemoryImage image) => new(image.Pages, new WordsMessage(image.Checksums), new WordsMessage(image.Newest), new WordsMessage(image.Stale));

    public MemoryImage ToImage() => new(Pages, Checksums.ToWords(), Newest.ToWords(), Stale.ToWords());
}
