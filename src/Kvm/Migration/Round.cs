namespace Livebed.Kvm.Migration;

/// <summary>
/// One round of pre-copy, measured or predicted: times in microseconds, sizes in bytes. A prediction leaves out what no model knows (full
/// rings, waits for the link). Results translate into QEMU's units and names.
/// </summary>
/// <param name="Number">0 is the round that sends every page</param>
/// <param name="Pages">pages sent, zero pages among them</param>
/// <param name="ZeroPages">pages of which only the address was sent</param>
/// <param name="Bytes">on the wire, headers included</param>
/// <param name="Microseconds">from its first page to the sync that ended it</param>
/// <param name="DirtyPages">pages found dirty by that sync</param>
/// <param name="RemainingBytes">to be sent after it</param>
/// <param name="ExpectedDowntimeMicroseconds">of a switchover at that sync, at this round's bandwidth</param>
/// <param name="ThrottlePercentage">of the vCPUs during the round</param>
/// <param name="RingFullExits">vCPU exits with a full dirty ring during the round</param>
/// <param name="DirtyLimited">whether the vCPUs were under the dirty limit during the round</param>
/// <param name="Diverging">at the sync that ended it, rounds gained nothing any more, see <see cref="Divergence"/></param>
/// <param name="LinkWaitMicroseconds">for which the link carried other migrations while this one had something to send</param>
public sealed record Round(
    int Number, long Pages, long ZeroPages, long Bytes, long Microseconds, long DirtyPages, long RemainingBytes,
    long ExpectedDowntimeMicroseconds, int ThrottlePercentage = 0, long RingFullExits = 0, bool DirtyLimited = false,
    bool Diverging = false, long LinkWaitMicroseconds = 0)
{
    private readonly double? _dirtyPagesPerSecond;

    /// <summary>Bytes a second that the round was sent with.</summary>
    public double Bandwidth => Bytes * 1e6 / Math.Max(1, Microseconds);

    /// <summary>Pages a second that the guest made dirty: of a prediction the rate that it assumes, else that of the dirty
    /// pages.</summary>
    public double DirtyPagesPerSecond
    {
        get => _dirtyPagesPerSecond ?? DirtyPages * 1e6 / Math.Max(1, Microseconds);
        init => _dirtyPagesPerSecond = value;
    }
}
