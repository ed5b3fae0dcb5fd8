using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// <c>mmu_invalidate_in_progress</c>, <c>_seq</c> and the hull, guarded by mmu_lock (write). The hull only grows until no invalidation is
/// in progress, so it can cover more than what is being invalidated (by design: there is no cheap subtraction). Whether its unit is hva
/// or gfn is the protocol's choice. The sequence is 64 bits: a copy in a narrower type hung vCPUs in 2023.
/// </summary>
/// <param name="world">the world it is in</param>
/// <param name="mutant">the defect to have, or null</param>
/// <param name="from">the first sequence</param>
public sealed class InvalidationState(IWorld world, Mutant? mutant = null, ulong from = 0)
{
    private Tracked<(long InProgress, ulong Sequence)> _counts = new(world, (0, from));
    private Tracked<(long Start, long End)> _hull = new(world, (long.MaxValue, long.MinValue));

    public long InProgress => _counts.Value.InProgress;
    public ulong Sequence => _counts.Value.Sequence;
    public long HullStart => _hull.Value.Start;
    public long HullEnd => _hull.Value.End;

    /// <summary><c>kvm_mmu_invalidate_begin</c>.</summary>
    public void Begin()
    {
        _counts.Changing.InProgress++;
        if (InProgress == 1) ForgetHull();
    }

    /// <summary><c>kvm_mmu_invalidate_range_add</c>.</summary>
    public void AddToHull(long start, long end)
    {
        if (mutant == Mutant.HullOfNewestRange) ForgetHull();
        ref var hull = ref _hull.Changing;
        hull = (Math.Min(hull.Start, start), Math.Max(hull.End, end));
    }

    /// <summary><c>kvm_mmu_invalidate_end</c>: the sequence rises before the count falls, so that a lockless reader sees one or the
    /// other.</summary>
    public void End()
    {
        ref var counts = ref _counts.Changing;
        counts.Sequence++;
        counts.InProgress--;
        if (mutant == Mutant.HullResetAtAnyEnd) ForgetHull();
    }

    public bool InHull(long page) => page >= HullStart && page < HullEnd;

    private void ForgetHull() => _hull.Value = (long.MaxValue, long.MinValue);
}
