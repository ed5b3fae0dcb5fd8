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

    public ValueTask<bool> ExecuteAsync(ReadOnlyMemory<GuestAccess> accesses, long epoch = 0)
    {
        var began = journal.World.NowMicroseconds;
        journal.Observer.RunsUnder(epoch);
        var call = journal.DuringAsync(memory.ExecuteAsync(accesses, epoch));
        if (!call.IsCompletedSuccessfully) return NoteAsync(call, epoch, began);
        if (call.Result) (_isNew, _epoch, _began) = (true, epoch, began);
        return call;
    }

    private async ValueTask<bool> NoteAsync(ValueTask<bool> call, long epoch, long began)
    {
        var isDone = await call;
        if (isDone) (_isNew, _epoch, _began) = (true, epoch, began);
        return isDone;
    }

    /// <summary>The newest batch since the last call; null when there was none.</summary>
    public GuestAccessesEntry? Take()
    {
        if (!_isNew) return null;
        _isNew = false;
        return new GuestAccessesEntry(_epoch, _began);
    }
}
