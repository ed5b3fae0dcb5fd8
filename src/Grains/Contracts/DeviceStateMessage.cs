using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="DeviceState"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.device-state")]
public sealed record DeviceStateMessage(
    [property: Id(0)] IReadOnlyList<MemslotChange> Memslots, [property: Id(1)] IReadOnlyList<VcpuState> Vcpus, [property: Id(2)] WordsMessage[] Discard)
{
    public static DeviceStateMessage From(DeviceState state) => new([.. state.Memslots], [.. state.Vcpus], WordsMessage.From(state.Discard));

    public DeviceState ToState() => new(Memslots, Vcpus, WordsMessage.ToWords(Discard));
}
