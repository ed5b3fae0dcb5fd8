using Livebed.Kvm.Addresses;

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
