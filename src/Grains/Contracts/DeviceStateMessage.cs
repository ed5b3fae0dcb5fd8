using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="DeviceState"/> on the wire: what is large in it, a word or more for every page, as plain bytes.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.device-state")]
public sealed record DeviceStateMessage(
    [property: Id(0)] IReadOnlyList<MemslotChange> Memslots, [property: Id(1)] IReadOnlyList<VcpuState> Vcpus, [property: Id(2)] WordsMessage[] Image,
    [property: Id(3)] WordsMessage[] Newest, [property: Id(4)] WordsMessage[] Discard)
{
    public static DeviceStateMessage From(DeviceState state) => new(
        [.. state.Memslots], [.. state.Vcpus], Words(state.Image), Words(state.Newest), Words(state.Discard));

    public DeviceState ToState() => new(Memslots, Vcpus, Words(Image), Words(Newest), Words(Discard));

    private static WordsMessage[] Words(IReadOnlyList<ulong[]> words) => [.. words.Select(block => WordsMessage.From(block))];

    private static ulong[][] Words(WordsMessage[] words) => Array.ConvertAll(words, block => block.ToWords());
}
