using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// Tells a vCPU that gets nowhere from one that is slow: a fault that is retried without end (L1), and a dirty ring that is full at one exit after
/// the other although each was answered by a reap (L5). Both are bounded by number and by time, so that neither a fast machine nor a busy one is
/// taken for a livelock.
/// </summary>
internal sealed class ProgressWatch(IWorld world, VcpuOptions options, string name)
{
    private int _ringFullExits;
    private long _ringFullSince;

    /// <summary>The ring was full at the last exit and at the one before, and reaped in between.</summary>
    public bool IsRingStuck => _ringFullExits > 1;

    /// <summary>A fault has been retried; true, and reported, when that is a livelock.</summary>
    public bool Retried(Operation op, Gfn gfn, int retries, long since) =>
        IsHopeless(retries, since) && Report(Invariants.FaultProgress, op, gfn, $"the fault of {name} on {gfn} was retried {retries} times", since);

    /// <summary>The vCPU has left with a full ring, which is reaped next; true, and reported, when that is a livelock.</summary>
    public bool RingWasFull(Operation op, Gfn gfn)
    {
        if (_ringFullExits++ == 0) _ringFullSince = world.NowMicroseconds;
        return IsHopeless(_ringFullExits, _ringFullSince)
            && Report(Invariants.MigrationProgress, op, gfn, $"the dirty ring of {name} was full at {_ringFullExits} exits in a row, with a reap after each", _ringFullSince);
    }

    public void RingHadRoom() => _ringFullExits = 0;

    private bool IsHopeless(int rounds, long since) => rounds >= options.FaultRetriesMax && world.NowMicroseconds - since >= options.FaultMicrosecondsMax;

    private bool Report(string invariant, Operation op, Gfn gfn, string what, long since)
    {
        world.Observer.Violated(new Violation(
            invariant, $"livelock: {what} in {(world.NowMicroseconds - since) / 1000} ms", name, gfn.Value, Operations: [op.Id]));
        return true;
    }
}
