namespace Livebed.Kvm.World;

/// <summary>Gives out operation ids of one origin (0 to 2^24 - 1); safe from any thread.</summary>
public sealed class OperationIds(int origin)
{
    private long _count;

    public OperationId Next() => new(((long)origin << OperationId.CountBits) | Interlocked.Increment(ref _count));
}
