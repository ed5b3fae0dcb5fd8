using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Grains.Contracts;

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
