namespace Livebed.Kvm.Locks;

/// <summary>
/// The lock classes that an operation holds, one bit a class and mode. Two words, so that it travels with every grain call; the price is
/// that an operation which holds two instances of a class is seen to hold one, and none after the first release. Nested holds of one
/// instance are counted by the lock itself.
/// </summary>
public readonly record struct HeldLocks(ulong Read, ulong Write)
{
    public bool IsEmpty => (Read | Write) == 0;

    /// <summary>Classes held in any mode, one bit each.</summary>
    internal ulong Classes => Read | Write;

    public HeldLocks With(LockClass lockClass, LockMode mode)
    {
        var bit = 1UL << lockClass.Index;
        return mode == LockMode.Read ? this with { Read = Read | bit } : this with { Write = Write | bit };
    }

    public HeldLocks Without(LockClass lockClass, LockMode mode)
    {
        var bit = ~(1UL << lockClass.Index);
        return mode == LockMode.Read ? this with { Read = Read & bit } : this with { Write = Write & bit };
    }

    public bool Holds(LockClass lockClass) => ((Read | Write) & (1UL << lockClass.Index)) != 0;

    public IEnumerable<(LockClass Class, LockMode Mode)> Enumerate()
    {
        for (var bits = Read; bits != 0; bits &= bits - 1)
            yield return (LockClass.ByIndex(System.Numerics.BitOperations.TrailingZeroCount(bits)), LockMode.Read);
        for (var bits = Write; bits != 0; bits &= bits - 1)
            yield return (LockClass.ByIndex(System.Numerics.BitOperations.TrailingZeroCount(bits)), LockMode.Write);
    }

    public override string ToString() =>
        IsEmpty ? "none" : string.Join(", ", Enumerate().Select(held => $"{held.Class} ({(held.Mode == LockMode.Read ? "r" : "w")})"));
}
