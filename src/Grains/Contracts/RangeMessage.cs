using Livebed.Kvm.Addresses;
using Livebed.Kvm.Notifiers;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="MmuNotifierRange"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.range")]
public readonly record struct RangeMessage(
    [property: Id(0)] long RangeId, [property: Id(1)] long StartHva, [property: Id(2)] long Pages, [property: Id(3)] MmuNotifierEvent Event, [property: Id(4)] bool Blockable)
{
    public static RangeMessage From(MmuNotifierRange range) =>
        new(range.RangeId, range.Pages.Start.Value, range.Pages.Pages, range.Event, range.Blockable);

    public MmuNotifierRange ToRange() => new(RangeId, new HvaRange(new Hva(StartHva), Pages), Event, Blockable);
}
