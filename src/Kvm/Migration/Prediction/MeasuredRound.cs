namespace Livebed.Kvm.Migration.Prediction;

/// <summary>What a round was, as far as a forecast can be held against it.</summary>
/// <param name="Round">0 is the round that sends every page</param>
/// <param name="Transferred">bytes on the wire</param>
/// <param name="DurationMilliseconds">from sync to sync</param>
/// <param name="DirtiedPages">pages that were dirty at the sync that ended it</param>
/// <param name="CpuThrottlePercentage">how much the guest was slowed down</param>
/// <param name="DirtyLimited">the dirty limit was on</param>
/// <param name="RingFullExits">exits of vCPUs as their dirty ring was full</param>
/// <param name="Duplicate">zero pages among those sent</param>
/// <param name="LinkWaitMilliseconds">for which the link carried other migrations while this one had something to send</param>
public sealed record MeasuredRound(
    int Round, long Transferred, double DurationMilliseconds, long DirtiedPages, int CpuThrottlePercentage = 0, bool DirtyLimited = false, long RingFullExits = 0,
    long Duplicate = 0, double LinkWaitMilliseconds = 0);
