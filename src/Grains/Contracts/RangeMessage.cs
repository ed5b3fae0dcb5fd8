using Livebed.Kvm.Addresses;
using Livebed.Kvm.Host;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

/// <summary>A <see cref="MmuNotifierRange"/> on the wire.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.range")]
public readonly record struct RangeMessage(
    [property: Id(0)] long RangeId, [property: Id(1)] HvaRange Pages, [property: Id(2)] MmuNotifierEvent Event,
    [property: Id(3)] bool Blockable)
{
    public static RangeMessage From(MmuNotifierRange range) =>
        new(range.RangeId, range.Pages, range.Event, range.Blockable);

    public MmuNotifierRange ToRange() => new(RangeId, Pages, Event, Blockable);
}

/// <summary>Answer to a notifier call: whether it was done (false is -EAGAIN) and what the operation holds now, for instance the seed's
/// semaphore from a start to its end.</summary>
[GenerateSerializer]
[Immutable]
[Alias("livebed.held")]
public readonly record struct HeldMessage([property: Id(0)] bool Done, [property: Id(1)] ulong HeldRead, [property: Id(2)] ulong HeldWrite)
{
    public static HeldMessage From(Operation op, bool done) => new(done, op.Held.Read, op.Held.Write);

    public bool ApplyTo(Operation op)
    {
        op.Held = new HeldLocks(HeldRead, HeldWrite);
        return Done;
    }
}
