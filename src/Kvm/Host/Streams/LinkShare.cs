using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

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
