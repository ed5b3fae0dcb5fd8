using Livebed.Kvm.Locks;

namespace Livebed.Driver.Results;

/// <summary>One row of the lock table, with the columns of /proc/lock_stat; times in microseconds, summed over all instances and
/// silos.</summary>
public sealed record LockResult(
    string Class, string Mode,
    long Acquisitions, long Contentions, long AcquisitionBounces, long ContentionBounces,
    long WaitMin, long WaitMax, long WaitTotal, double WaitAvg,
    long HoldMin, long HoldMax, long HoldTotal, double HoldAvg)
{
    public static LockResult From(string lockClass, LockMode mode, LockStatistics counts) => new(
        lockClass, mode == LockMode.Read ? "read" : "write",
        counts.Acquisitions, counts.Contentions, counts.AcquisitionBounces, counts.ContentionBounces,
        counts.WaitMin, counts.WaitMax, counts.WaitTotal, Math.Round(counts.WaitAvg, 2),
        counts.HoldMin, counts.HoldMax, counts.HoldTotal, Math.Round(counts.HoldAvg, 2));
}
