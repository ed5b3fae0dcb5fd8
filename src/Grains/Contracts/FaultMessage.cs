using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="FaultReply"/> on the wire. Its translations go as the bytes that they are in memory: the walk's result first, then
/// the neighbours. Field by field they would take most of a fault's time.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.fault")]
public readonly record struct FaultMessage(
    [property: Id(0)] FaultStatus Status, [property: Id(1)] byte[]? Translations, [property: Id(2)] bool Dirtied,
    [property: Id(3)] bool IsRefill)
{
    public static FaultMessage From(in FaultReply reply)
    {
        if (reply.Status != FaultStatus.Mapped) return new FaultMessage(reply.Status, null, reply.Dirtied, reply.IsRefill);
        var neighbours = reply.Neighbours ?? [];
        var bytes = new byte[(1 + neighbours.Length) * Unsafe.SizeOf<Translation>()];
        var translations = MemoryMarshal.Cast<byte, Translation>(bytes.AsSpan());
        translations[0] = reply.Translation;
        neighbours.CopyTo(translations[1..]);
        return new FaultMessage(reply.Status, bytes, reply.Dirtied, reply.IsRefill);
    }

    /// <exception cref="InvalidOperationException">The bytes are no translations.</exception>
    public FaultReply ToReply()
    {
        if (Translations is null) return new FaultReply(Status, Dirtied: Dirtied, IsRefill: IsRefill);
        if (Translations.Length == 0 || Translations.Length % Unsafe.SizeOf<Translation>() != 0)
            throw new InvalidOperationException($"a fault was answered with {Translations.Length} bytes, which are no translations");
        var translations = MemoryMarshal.Cast<byte, Translation>(Translations.AsSpan());
        return new FaultReply(
            Status, translations[0], translations.Length > 1 ? translations[1..].ToArray() : null, Dirtied, IsRefill);
    }
}
