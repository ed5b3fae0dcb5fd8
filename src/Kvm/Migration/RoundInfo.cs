namespace Livebed.Kvm.Migration;

/// <summary>One round of pre-copy, as measured. Times in microseconds, sizes in bytes.</summary>
/// <param name="Round">0 is the one that sends every page</param>
/// <param name="Pages">pages sent</param>
/// <param name="Duplicate">of these, zero pages</param>
/// <param name="Bytes">on the wire</param>
/// <param name="Microseconds">from its first page to the sync that ended it</param>
/// <param name="DirtyPages">pages found dirty by that sync</param>
/// <param name="RemainingBytes">what is to be sent after it</param>
/// <param name="ExpectedDowntimeMicroseconds">that, at this round's bandwidth</param>
/// <param name="ThrottlePercentage">of the vCPUs during it</param>
/// <param name="RingFullExits">vCPU exits with a full dirty ring during it</param>
/// <param name="DirtyLimited">whether the vCPUs were under the dirty limit during it</param>
/// <param name="Diverging">at the sync that ended it, rounds gained nothing any more, see <see cref="Prediction.Divergence"/></param>
/// <param name="LinkWaitMicroseconds">for which the link carried other migrations while this one had something to send</param>
public sealed record RoundInfo(
    int Round, long Pages, long Duplicate, long Bytes, long Microseconds, long DirtyPages, long RemainingBytes, long ExpectedDowntimeMicroseconds,
    int ThrottlePercentage, long RingFullExits, bool DirtyLimited, bool Diverging = false, long LinkWaitMicroseconds = 0)
{
    /// <summary>Bytes a second that this round was sent with.</summary>
    public double Bandwidth => Bytes * 1e6 / Math.Max(1, Microseconds);
}
