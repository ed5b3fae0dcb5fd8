namespace Livebed.Kvm.Host.Streams;

/// <summary>One stream's part of a <see cref="LinkScheduler"/>: how far it has been served, and how long it waited for others. Belongs to
/// the link; times in nanoseconds.</summary>
internal sealed class LinkShare
{
    private int _waiting;
    private bool _isSending;
    private long _since;
    private long _waited;

    /// <summary>Finish tag of its newest chunk.</summary>
    public long Finish { get; set; }

    public void Waits(long now) => Change(now, _waiting + 1, _isSending);

    public void Begins(long now) => Change(now, _waiting - 1, isSending: true);

    public void Ends(long now) => Change(now, _waiting, isSending: false);

    public void GivesUpWaiting(long now) => Change(now, _waiting - 1, _isSending);

    /// <summary>For how long the link carried other streams while this one had something to send, in whole microseconds; counts from there
    /// on.</summary>
    public long TakeWaitedMicroseconds()
    {
        var whole = _waited / 1_000;
        _waited -= whole * 1_000;
        return whole;
    }

    private void Change(long now, int waiting, bool isSending)
    {
        if (_waiting > 0 && !_isSending) _waited += Math.Max(0, now - _since);
        (_waiting, _isSending, _since) = (waiting, isSending, Math.Max(_since, now));
    }
}
