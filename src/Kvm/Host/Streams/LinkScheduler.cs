using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// The link from one host to another, with the bandwidth that all streams which go that way have together. One chunk at a time is on it;
/// when it has left, the next is that of the stream that has been served least, in bytes (start-time fair queueing, Goyal et al. 1996, as
/// routers do it for flows): so streams have equal parts of it however many channels each has and however large their chunks are, to within
/// a chunk of each; what one does not take the others have, and one that was idle has saved nothing up. Pages that a vCPU waits for stop
/// whatever is on the link, and come out of their own stream's part as far as it has one. Keeps: over any time in which somebody always has
/// something to send, bytes over time is the bandwidth; timers that come late are made good. Simplified: no latency, no protocol overhead,
/// and nothing but pages on it.
/// </summary>
internal sealed class LinkScheduler(IWorld world, long bytesPerSecond)
{
    private readonly BandwidthClock _clock = new(world, bytesPerSecond);
    private readonly Place _place = new(world);
    private readonly PriorityQueue<Chunk, (long Tag, long Order)> _waiting = new();
    private Chunk? _current;
    private long _order;
    private long _servedTag;
    private long _free;
    private long _urgentFree;
    private long _late;

    private enum ChunkState : byte
    {
        Waits,
        IsOnItsWay,
        HasLeft,
        IsGivenUp,
    }

    /// <summary>Returns when the bytes have left; false when the share has gone or, after at most a second more,
    /// <paramref name="isGivenUp"/> says so.</summary>
    public async ValueTask<bool> PassAsync(Operation op, LinkShare share, long bytes, Func<bool> isGivenUp)
    {
        if (isGivenUp()) return false;
        _place.Writes();
        var chunk = Enqueue(share, bytes);
        if (chunk.State == ChunkState.Waits) await chunk.BeginsAsync(world, op);
        while (true)
        {
            _place.Writes();
            Advance();
            if (isGivenUp()) GiveUp(chunk);
            if (chunk.State != ChunkState.IsOnItsWay) break;
            await _clock.SleepAsync(_free);
        }

        if (chunk.State == ChunkState.IsGivenUp) return false;
        _late = _clock.LateSince(chunk.End);
        return true;
    }

    /// <summary>The same, ahead of all that is not urgent: what is on the link goes on afterwards.</summary>
    public async ValueTask<bool> PassUrgentAsync(LinkShare share, long bytes, Func<bool> isGivenUp)
    {
        _place.Writes();
        Advance();
        var (now, time) = (_clock.Now, _clock.TimeOf(bytes));
        share.Finish = Math.Max(share.Finish, _servedTag) + bytes;
        _free = Math.Max(_free, now) + time;
        var end = _urgentFree = Math.Max(_urgentFree, now) + time;
        while (!isGivenUp())
        {
            if (end <= _clock.Now) return true;
            await _clock.SleepAsync(end);
        }

        return false;
    }

    /// <summary>The stream sends nothing any more: whatever of it waits or is on the link is given up, and the others go on.</summary>
    public void Leave(LinkShare share)
    {
        _place.Writes();
        Advance();
        foreach (var (chunk, _) in _waiting.UnorderedItems.ToArray())
            if (chunk.Share == share) GiveUp(chunk);
        if (_current is { } current && current.Share == share) GiveUp(current);
    }

    private Chunk Enqueue(LinkShare share, long bytes)
    {
        Advance();
        var now = _clock.Now;
        var chunk = new Chunk(share, bytes, Math.Max(_servedTag, share.Finish), now - _late);
        _late = 0;
        share.Finish = chunk.Tag + bytes;
        share.Waits(now);
        _waiting.Enqueue(chunk, (chunk.Tag, _order++));
        Advance();
        return chunk;
    }

    /// <summary>Everything that has happened on the link up to now: whose time is over has left at that time, whenever somebody
    /// looks.</summary>
    private void Advance()
    {
        while (true)
        {
            if (_current is { } current)
            {
                if (_free > _clock.Now) return;
                (current.State, current.End) = (ChunkState.HasLeft, _free);
                current.Share.Ends(_free);
                _current = null;
            }

            if (!_waiting.TryDequeue(out var next, out _)) return;
            if (next.State != ChunkState.Waits) continue;
            _servedTag = next.Tag;
            var start = Math.Max(_free, next.Earliest);
            _free = start + _clock.TimeOf(next.Bytes);
            next.Share.Begins(start);
            next.Begin(world.NowMicroseconds);
            _current = next;
        }
    }

    /// <summary>To be called when what happened up to now is known.</summary>
    private void GiveUp(Chunk chunk)
    {
        var isCurrent = chunk == _current;
        if (chunk.State == ChunkState.Waits) chunk.Share.GivesUpWaiting(_clock.Now);
        else if (isCurrent) chunk.Share.Ends(_clock.Now);
        chunk.GiveUp(world.NowMicroseconds);
        if (!isCurrent) return;

        // What has not left will not: the next one goes.
        _free = Math.Max(_clock.Now, _urgentFree);
        _current = null;
        Advance();
    }

    private sealed class Chunk(LinkShare share, long bytes, long tag, long earliest)
    {
        private Waiter? _waiter;

        public LinkShare Share { get; } = share;
        public long Bytes { get; } = bytes;
        public long Tag { get; } = tag;
        public long Earliest { get; } = earliest;
        public long End { get; set; }
        public ChunkState State { get; set; }

        /// <summary>Until it is on the link, or given up.</summary>
        public ValueTask BeginsAsync(IWorld world, Operation op)
        {
            _waiter = new Waiter(world) { WaitId = 0, Operation = op, Mode = LockMode.Write, SinceMicroseconds = world.NowMicroseconds };
            return _waiter.Task;
        }

        public void Begin(long nowMicroseconds) => Become(ChunkState.IsOnItsWay, nowMicroseconds);

        public void GiveUp(long nowMicroseconds) => Become(ChunkState.IsGivenUp, nowMicroseconds);

        private void Become(ChunkState state, long nowMicroseconds)
        {
            var waiter = State == ChunkState.Waits ? _waiter : null;
            State = state;
            waiter?.Complete(nowMicroseconds);
        }
    }
}
