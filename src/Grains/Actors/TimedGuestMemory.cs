using Livebed.Grains.Contracts;
using Livebed.Kvm.Host;

namespace Livebed.Grains.Actors;

/// <summary>A vCPU's way to the memory of its host, which keeps when the newest batch began, and its epoch: the facts of M2 that no side of
/// a migration reports. Confined to the vCPU's turns.</summary>
/// <param name="memory">of the host</param>
/// <param name="journal">the vCPU's</param>
internal sealed class TimedGuestMemory(IGuestMemory memory, ActorJournal journal) : IGuestMemory
{
    private bool _isNew;
    private long _epoch;
    private long _began;

    public ValueTask ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0)
    {
        (_isNew, _epoch, _began) = (true, epoch, journal.World.NowMicroseconds);
        journal.Observer.RunsUnder(epoch);
        return journal.DuringAsync(memory.ExecuteAsync(accesses, epoch));
    }

    /// <summary>The newest batch since the last call; null when there was none.</summary>
    public GuestAccessesEntry? Take()
    {
        if (!_isNew) return null;
        _isNew = false;
        return new GuestAccessesEntry(_epoch, _began);
    }
}
