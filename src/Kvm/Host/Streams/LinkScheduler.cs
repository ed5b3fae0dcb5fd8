using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// The link from one host to another, with the bandwidth that all streams in that direction share. It carries one chunk at a time. The next
/// chunk belongs to the stream that has been served least, in bytes (start-time fair queueing, Goyal et al. 1996, as routers do it for
/// flows). So streams have equal shares to within a chunk each, however many channels they have and however large their chunks are. What
/// one stream does not use the others get; an idle stream saves nothing up. Pages that a vCPU waits for interrupt the chunk on the link and
/// count against their own stream's share. Keeps: over any time in which some stream always has bytes to send, bytes over time is the
/// bandwidth; late timers are compensated. Simplified: no latency, no protocol overhead, and only pages on the link.
/// </summary>
internal sealed class LinkScheduler(IWorld world, long bytesPerSecond, Mutant? mutant = null)
{
    private readonly BandwidthClock _clock = new(world, bytesPerSecond);
    private readonly TrackedObject<State> _state = new(new Place(world), new State());

    private enum ChunkState : byte
    {
        Waits,
        IsOnItsWay,
        HasLeft,
        IsGivenUp,
    }

    /// <summary>Returns when the bytes have left. False when the share has left the link or, within a second, when
    /// <paramref name="isGivenUp"/> is true.</summary>
    public async ValueTask<bool> PassAsync(Operation op, LinkShare share, long bytes, Func<bool> isGivenUp)
    {
        if (isGivenUp()) return false;
        var chunk = Enqueue(share, bytes);
        if (chunk.State == ChunkState.Waits) await chunk.WaitForStartAsync(world, op);
        while (true)
        {
            Advance();
            if (isGivenUp()) GiveUp(chunk);
            if (chunk.State != ChunkState.IsOnItsWay) break;
            await _clock.SleepAsync(_state.Content.Free);
        }

        if (chunk.State == ChunkState.IsGivenUp) return false;
        _state.Content.Late = _clock.LateSince(chunk.End);
        return true;
    }

    /// <summary>The same, ahead of all bytes that are not urgent; the chunk on the link continues afterwards.</summary>
    public async ValueTask<bool> PassUrgentAsync(LinkShare share, long bytes, Func<bool> isGivenUp)
    {
        Advance();
        var (now, time) = (_clock.Now, _clock.TimeOf(bytes));
        share.Finish = Math.Max(share.Finish, _state.Content.ServedTag) + bytes;
        _state.Content.Free = Math.Max(_state.Content.Free, now) + time;
        var end = _state.Content.UrgentFree = Math.Max(_state.Content.UrgentFree, now) + time;
        while (!isGivenUp())
        {
            if (end <= _clock.Now) return true;
            await _clock.SleepAsync(end);
        }

        return false;
    }

    /// <summary>The stream sends nothing any more: its chunks that wait or are on the link are given up, and the others continue.</summary>
    public void Leave(LinkShare share)
    {
        Advance();
        foreach (var (chunk, _) in _state.Content.Waiting.UnorderedItems.ToArray())
            if (chunk.Share == share) GiveUp(chunk);
        if (_state.Content.Current is { } current && current.Share == share) GiveUp(current);
    }

    private Chunk Enqueue(LinkShare share, long bytes)
    {
        Advance();
        var now = _clock.Now;
        var tag = mutant == Mutant.IdleShareServedFirst ? share.Finish : Math.Max(_state.Content.ServedTag, share.Finish);
        var chunk = new Chunk(share, bytes, tag, now - _state.Content.Late);
        _state.Content.Late = 0;
        share.Finish = chunk.Tag + bytes;
        share.Wait(now);
        _state.Content.Waiting.Enqueue(chunk, (chunk.Tag, _state.Content.Order++));
        Advance();
        return chunk;
    }

    /// <summary>Brings the link's state up to now: a chunk leaves at the end of its time, not when the state is looked at.</summary>
    private void Advance()
    {
        while (true)
        {
            if (_state.Content.Current is { } current)
            {
                if (_state.Content.Free > _clock.Now) return;
                (current.State, current.End) = (ChunkState.HasLeft, _state.Content.Free);
                current.Share.End(_state.Content.Free);
                _state.Content.Current = null;
            }

            if (!_state.Content.Waiting.TryDequeue(out var next, out _)) return;
            if (next.State != ChunkState.Waits) continue;
            _state.Content.ServedTag = next.Tag;
            var start = Math.Max(_state.Content.Free, next.Earliest);
            _state.Content.Free = start + _clock.TimeOf(next.Bytes);
            next.Share.Begin(start);
            next.Begin(world.NowMicroseconds);
            _state.Content.Current = next;
        }
    }

    /// <summary>The caller has called <see cref="Advance"/> before.</summary>
    private void GiveUp(Chunk chunk)
    {
        var isCurrent = chunk == _state.Content.Current;
        if (chunk.State == ChunkState.Waits) chunk.Share.GiveUpWaiting(_clock.Now);
        else if (isCurrent) chunk.Share.End(_clock.Now);
        chunk.GiveUp(world.NowMicroseconds);
        if (!isCurrent) return;

        // The rest of the chunk is not sent; the next chunk begins.
        _state.Content.Free = Math.Max(_clock.Now, _state.Content.UrgentFree);
        _state.Content.Current = null;
        Advance();
    }

    [CellContent]
    private sealed class State
    {
        public PriorityQueue<Chunk, (long Tag, long Order)> Waiting { get; } = new();
        public Chunk? Current { get; set; }
        public long Order { get; set; }
        public long ServedTag { get; set; }
        public long Free { get; set; }
        public long UrgentFree { get; set; }
        public long Late { get; set; }
    }

    [CellContent]
    private sealed class Chunk(LinkShare share, long bytes, long tag, long earliest)
    {
        private Waiter? _waiter;

        public LinkShare Share { get; } = share;
        public long Bytes { get; } = bytes;
        public long Tag { get; } = tag;
        public long Earliest { get; } = earliest;
        public long End { get; set; }
        public ChunkState State { get; set; }

        /// <summary>Completes when the chunk is on the link, or given up.</summary>
        public ValueTask WaitForStartAsync(IWorld world, Operation op)
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

/// <summary>One stream's part of a <see cref="LinkScheduler"/>: how far it has been served, and how long it waited for others. Belongs to
/// the link; times in nanoseconds.</summary>
internal sealed class LinkShare(IWorld? world = null)
{
    private Tracked<State> _state = new(world);

    /// <summary>Finish tag of its newest chunk.</summary>
    public long Finish
    {
        get => _state.Value.Finish;
        set => _state.Changing.Finish = value;
    }

    public void Wait(long now) => Change(now, waiting: 1, _state.Value.IsSending);

    public void Begin(long now) => Change(now, waiting: -1, isSending: true);

    public void End(long now) => Change(now, waiting: 0, isSending: false);

    public void GiveUpWaiting(long now) => Change(now, waiting: -1, _state.Value.IsSending);

    /// <summary>For how long the link carried other streams while this one had something to send, in whole microseconds; counts from there
    /// on.</summary>
    public long TakeWaitedMicroseconds()
    {
        ref var state = ref _state.Changing;
        var whole = state.Waited / 1_000;
        state.Waited -= whole * 1_000;
        return whole;
    }

    private void Change(long now, int waiting, bool isSending)
    {
        ref var state = ref _state.Changing;
        if (state.Waiting > 0 && !state.IsSending) state.Waited += Math.Max(0, now - state.Since);
        (state.Waiting, state.IsSending, state.Since) = (state.Waiting + waiting, isSending, Math.Max(state.Since, now));
    }

    private struct State
    {
        public int Waiting;
        public bool IsSending;
        public long Since;
        public long Waited;
        public long Finish;
    }
}
