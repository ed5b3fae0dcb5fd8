using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="FaultReply"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.fault")]
public readonly record struct FaultMessage(
    [property: Id(0)] FaultStatus Status, [property: Id(1)] TranslationMessage Translation,
    [property: Id(2)] TranslationMessage[]? Neighbours,
    [property: Id(3)] bool Dirtied, [property: Id(4)] bool IsRefill)
{
    public static FaultMessage From(in FaultReply reply) => new(
        reply.Status,
        reply.Status == FaultStatus.Mapped ? TranslationMessage.From(reply.Translation) : default,
        reply.Neighbours?.Select(TranslationMessage.From).ToArray(),
        reply.Dirtied, reply.IsRefill);

    public FaultReply ToReply() => new(
        Status, Translation.ToTranslation(),
        Neighbours is null ? null : Array.ConvertAll(Neighbours, neighbour => neighbour.ToTranslation()), Dirtied,
        IsRefill);
}

/// <summary>A <see cref="Translation"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.translation")]
public readonly record struct TranslationMessage(
    [property: Id(0)] Gfn Gfn, [property: Id(1)] Hva Hva, [property: Id(2)] Pfn Pfn, [property: Id(3)] bool Writable)
{
    public static TranslationMessage From(Translation translation) =>
        new(translation.Gfn, translation.Hva, translation.Pfn, translation.Writable);

    public Translation ToTranslation() => new(Gfn, Hva, Pfn, Writable);
}

/// <summary>A <see cref="HostPage"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.host-page")]
public readonly record struct HostPageMessage(
    [property: Id(0)] HostPageStatus Status, [property: Id(1)] Pfn Pfn, [property: Id(2)] bool Writable)
{
    public static HostPageMessage From(HostPage page) => new(page.Status, page.Pfn, page.Writable);

    public HostPage ToPage() => new(Status, Pfn, Writable);
}
