using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// Tells a vCPU without progress from a slow one: a fault that retries without end (L1), and a dirty ring that is full at every exit
/// although each was reaped (L5). Both are bounded by number and by time in which the bed ran, so that a fast, busy or suspended machine is
/// no livelock. If the world knows that another operation progressed in between, the vCPU may only be starved, and the count restarts.
/// </summary>
[Untracked("belongs to the vCPU's own lane")]
internal sealed class ProgressWatch(IWorld world, VcpuOptions options, string name)
{
    /// <summary>A fault, and a second one for a translation that was flushed before it was used, are nothing special.</summary>
    private const int LostInARowMax = 4;

    private bool _hasMapped;
    private int _lostInARow;
    private Rounds _retries;
    private Rounds _ringFullExits;

    /// <summary>The ring was full at the last exit and at the one before, and reaped in between.</summary>
    public bool IsRingStuck { get; private set; }

    /// <summary>For several entries in a row a translation was flushed before the guest could use it. The operations that flush may wait
    /// for one that these two keep from running.</summary>
    public bool LosesTranslations => _lostInARow > LostInARowMax;

    /// <summary>The guest was entered and has made, or given up, so many accesses.</summary>
    public void Entered(int accesses)
    {
        if (accesses > 0) _lostInARow = 0;
        else if (_hasMapped) _lostInARow++;
        _hasMapped = false;
    }

    /// <summary>A fault has found its translation, for the next entry to use.</summary>
    public void Mapped() => _hasMapped = true;

    /// <summary>Another fault begins.</summary>
    public void FaultBegins() => _retries = default;

    /// <summary>A fault has been retried; true, and reported, when that is a livelock.</summary>
    public bool Retried(Operation op, Gfn gfn)
    {
        _retries.Add(world);
        return IsHopeless(_retries)
            && Report(Invariants.FaultProgress, op, gfn, $"the fault of {name} on {gfn} was retried {_retries.Count} times", _retries);
    }

    /// <summary>The vCPU has left with a full ring, which is reaped next; true, and reported, when that is a livelock.</summary>
    public bool RingWasFull(Operation op, Gfn gfn)
    {
        IsRingStuck = _ringFullExits.Count > 0;
        _ringFullExits.Add(world);
        return IsHopeless(_ringFullExits) && Report(
            Invariants.MigrationProgress, op, gfn,
            $"the dirty ring of {name} was full at {_ringFullExits.Count} exits in a row, with a reap after each", _ringFullExits);
    }

    public void RingHadRoom() => _ringFullExits = default;

    private bool IsHopeless(in Rounds rounds) =>
        rounds.Count >= options.FaultRetriesMax && world.RanMicroseconds - rounds.Since >= options.FaultMicrosecondsMax;

    private bool Report(string invariant, Operation op, Gfn gfn, string what, in Rounds rounds)
    {
        world.Observer.Violated(new Violation(
            invariant, $"livelock: {what} in {(world.RanMicroseconds - rounds.Since) / 1000} ms", name, gfn, Operations: [op.Id]));
        return true;
    }

    /// <summary>Rounds without progress of any operation, and the time of the first.</summary>
    private struct Rounds
    {
        private long _progress;

        public int Count { get; private set; }

        public long Since { get; private set; }

        public void Add(IWorld world)
        {
            if (Count == 0 || _progress != world.Progress) (Count, Since, _progress) = (0, world.RanMicroseconds, world.Progress);
            Count++;
        }
    }
}
