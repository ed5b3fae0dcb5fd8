using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="HostEvent"/> between silos. Events come many thousands a second, too many to be written as JSON.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.host-event")]
public readonly record struct HostEventSurrogate(
    [property: Id(0)] byte KindNumber, [property: Id(1)] int AddressSpaceId, [property: Id(2)] HvaRange Pages,
    [property: Id(3)] long HoldMicroseconds, [property: Id(4)] long ChildMicroseconds, [property: Id(5)] Hva? Inner);

[RegisterConverter]
internal sealed class HostEventConverter : IConverter<HostEvent, HostEventSurrogate>
{
    /// <exception cref="ArgumentOutOfRangeException">No kind has the number.</exception>
    /// <exception cref="InvalidCastException">The number is that of another operation.</exception>
    public HostEvent ConvertFromSurrogate(in HostEventSurrogate surrogate) => new(
        (HostEventKind)OperationKinds.Numbered(surrogate.KindNumber), surrogate.AddressSpaceId, surrogate.Pages, surrogate.HoldMicroseconds)
    {
        ChildMicroseconds = surrogate.ChildMicroseconds,
        Inner = surrogate.Inner,
    };

    public HostEventSurrogate ConvertToSurrogate(in HostEvent value) => new(
        value.Kind.Number, value.AddressSpaceId, value.Range, value.HoldMicroseconds, value.ChildMicroseconds, value.Inner);
}

/// <summary>A <see cref="HostEventResult"/> between silos.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.host-event-result")]
public readonly record struct HostEventResultSurrogate([property: Id(0)] HostEventStatus Status, [property: Id(1)] int Pages);

[RegisterConverter]
internal sealed class HostEventResultConverter : IConverter<HostEventResult, HostEventResultSurrogate>
{
    public HostEventResult ConvertFromSurrogate(in HostEventResultSurrogate surrogate) => new(surrogate.Status, surrogate.Pages);

    public HostEventResultSurrogate ConvertToSurrogate(in HostEventResult value) => new(value.Status, value.Pages);
}
