namespace Livebed.Kvm.World;

/// <summary>Gives out operation ids of one origin (0 to 2^24 - 1), after those that it gave out elsewhere; safe from any thread.</summary>
public sealed class OperationIds(int origin, long count = 0)
{
    private long _count = count;

    /// <summary>Ids given out so far.</summary>
    public long Count => Interlocked.Read(ref _count);

    public OperationId Next() => new(((long)origin << OperationId.CountBits) | Interlocked.Increment(ref _count));
}
