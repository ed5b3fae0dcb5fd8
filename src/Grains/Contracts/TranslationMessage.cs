using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="Translation"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.translation")]
public readonly record struct TranslationMessage(
    [property: Id(0)] long Gfn, [property: Id(1)] long Hva, [property: Id(2)] int Pfn, [property: Id(3)] bool Writable)
{
    public static TranslationMessage From(Translation translation) =>
        new(translation.Gfn.Value, translation.Hva.Value, translation.Pfn.Value, translation.Writable);

    public Translation ToTranslation() => new(new Gfn(Gfn), new Hva(Hva), new Pfn(Pfn), Writable);
}
