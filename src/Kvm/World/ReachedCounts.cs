using Livebed.Kvm.Checks;

namespace Livebed.Kvm.World;

/// <summary>How often each case happened in a world; not tracked, as nothing acts upon it. Confined to the world's thread.</summary>
public sealed class ReachedCounts
{
    private readonly long[] _counts = new long[ReachedCase.All.Count];
    private UInt128 _bits;

    public long this[ReachedCase reached] => _counts[reached.Index];

    public void Add(ReachedCase reached)
    {
        _counts[reached.Index]++;
        _bits |= UInt128.One << reached.Index;
    }

    /// <summary>The cases since the last call.</summary>
    public ReachedSet Take()
    {
        var bits = _bits;
        _bits = 0;
        return new ReachedSet(bits);
    }

    /// <summary>All counts, by <see cref="ReachedCase.Index"/>.</summary>
    public long[] ToArray() => [.. _counts];
}
