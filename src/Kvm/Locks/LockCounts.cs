namespace Livebed.Kvm.Locks;

/// <summary>
/// <see cref="LockStatistics"/> by class and mode, the table behind the kernel's /proc/lock_stat. A lock domain has one of its own, unless its world
/// runs many short lives and counts them together.
/// </summary>
public sealed class LockCounts
{
    private LockStatistics?[] _statistics = new LockStatistics?[2 * LockClass.Count];

    /// <summary>Of each class and mode in which a lock was ever taken or waited for.</summary>
    public IEnumerable<(LockClass Class, LockMode Mode, LockStatistics Statistics)> All =>
        from index in Enumerable.Range(0, _statistics.Length)
        where _statistics[index] is not null
        select (LockClass.ByIndex(index / 2), (LockMode)(index % 2), _statistics[index]!);

    /// <summary>Made when first asked for.</summary>
    public LockStatistics Of(LockClass lockClass, LockMode mode)
    {
        var index = 2 * lockClass.Index + (int)mode;
        // A class may have been defined since.
        if (index >= _statistics.Length) Array.Resize(ref _statistics, 2 * LockClass.Count);
        return _statistics[index] ??= new LockStatistics();
    }
}
