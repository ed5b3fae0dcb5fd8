using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// Counts of one lock class in one mode, with the columns of the kernel's /proc/lock_stat: Contentions are acquisitions that had to wait.
/// Wait and hold times are in microseconds. Minima count only waits and holds that happened (0 without any).
/// </summary>
[Untracked("statistics")]
public sealed class LockStatistics
{
    public long Acquisitions { get; set; }
    public long Contentions { get; set; }

    /// <summary>Acquisitions by another CPU than the one that had the lock before.</summary>
    public long AcquisitionBounces { get; set; }

    /// <summary>Waits that began on another CPU than the one that had the lock.</summary>
    public long ContentionBounces { get; set; }

    public long WaitMin { get; set; }
    public long WaitMax { get; set; }
    public long WaitTotal { get; set; }
    public long Holds { get; set; }
    public long HoldMin { get; set; }
    public long HoldMax { get; set; }
    public long HoldTotal { get; set; }

    public double WaitAvg => Contentions == 0 ? 0 : (double)WaitTotal / Contentions;
    public double HoldAvg => Holds == 0 ? 0 : (double)HoldTotal / Holds;

    public void AddWait(long microseconds)
    {
        WaitMin = Contentions == 0 ? microseconds : Math.Min(WaitMin, microseconds);
        WaitMax = Math.Max(WaitMax, microseconds);
        WaitTotal += microseconds;
        Contentions++;
    }

    public void AddHold(long microseconds)
    {
        HoldMin = Holds == 0 ? microseconds : Math.Min(HoldMin, microseconds);
        HoldMax = Math.Max(HoldMax, microseconds);
        HoldTotal += microseconds;
        Holds++;
    }

    /// <summary>As they are now.</summary>
    public LockStatistics Copy() => (LockStatistics)MemberwiseClone();

    /// <summary>Takes out what one place had counted earlier, after <see cref="Add"/> of what it has now: its minima and maxima are
    /// among those of now.</summary>
    public void Without(LockStatistics before)
    {
        Acquisitions -= before.Acquisitions;
        AcquisitionBounces -= before.AcquisitionBounces;
        ContentionBounces -= before.ContentionBounces;
        Contentions -= before.Contentions;
        WaitTotal -= before.WaitTotal;
        Holds -= before.Holds;
        HoldTotal -= before.HoldTotal;
    }

    public void Add(LockStatistics other)
    {
        if (other.Contentions > 0)
        {
            WaitMin = Contentions == 0 ? other.WaitMin : Math.Min(WaitMin, other.WaitMin);
            WaitMax = Math.Max(WaitMax, other.WaitMax);
        }

        if (other.Holds > 0)
        {
            HoldMin = Holds == 0 ? other.HoldMin : Math.Min(HoldMin, other.HoldMin);
            HoldMax = Math.Max(HoldMax, other.HoldMax);
        }

        Acquisitions += other.Acquisitions;
        AcquisitionBounces += other.AcquisitionBounces;
        ContentionBounces += other.ContentionBounces;
        Contentions += other.Contentions;
        WaitTotal += other.WaitTotal;
        Holds += other.Holds;
        HoldTotal += other.HoldTotal;
    }
}

/// <summary>
/// <see cref="LockStatistics"/> by class and mode, the table behind the kernel's /proc/lock_stat. A lock domain has one of its own, unless
/// its world runs many short lives and counts them together.
/// </summary>
[Untracked("statistics")]
public sealed class LockCounts
{
    private LockStatistics?[] _statistics = new LockStatistics?[2 * LockClass.Count];

    /// <summary>Of each class and mode in which a lock was ever taken or waited for.</summary>
    public IEnumerable<(LockClass Class, LockMode Mode, LockStatistics Statistics)> All =>
        from index in Enumerable.Range(0, _statistics.Length)
        where _statistics[index] is not null
        select (LockClass.ByIndex(index / 2), (LockMode)(index % 2), _statistics[index]!);

    /// <summary>Counts from zero again; a hold or wait that is under way counts when it ends.</summary>
    public void Clear() => Array.Clear(_statistics);

    /// <summary>Made when first asked for.</summary>
    public LockStatistics Of(LockClass lockClass, LockMode mode)
    {
        var index = 2 * lockClass.Index + (int)mode;
        // A class may have been defined since.
        if (index >= _statistics.Length) Array.Resize(ref _statistics, 2 * LockClass.Count);
        return _statistics[index] ??= new LockStatistics();
    }
}
