using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="FaultReply"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.fault")]
public readonly record struct FaultMessage(
    [property: Id(0)] FaultStatus Status, [property: Id(1)] TranslationMessage Translation, [property: Id(2)] TranslationMessage[]? Neighbours,
    [property: Id(3)] bool Dirtied)
{
    public static FaultMessage From(in FaultReply reply) => new(
        reply.Status,
        reply.Status == FaultStatus.Mapped ? TranslationMessage.From(reply.Translation) : default,
        reply.Neighbours?.Select(TranslationMessage.From).ToArray(),
        reply.Dirtied);

    public FaultReply ToReply() => new(
        Status, Translation.ToTranslation(), Neighbours is null ? null : Array.ConvertAll(Neighbours, neighbour => neighbour.ToTranslation()), Dirtied);
}
