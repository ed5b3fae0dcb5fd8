using Livebed.Kvm.Mutants;

namespace Livebed.Kvm.Notifiers;

/// <summary>
/// <c>mmu_invalidate_in_progress</c>, <c>_seq</c> and the hull, guarded by mmu_lock (write). The hull only grows until no invalidation is
/// in progress, so it can cover more than what is being invalidated (by design: there is no cheap subtraction). Whether its unit is hva
/// or gfn is the protocol's choice. The sequence is 64 bits: a copy in a narrower type hung vCPUs in 2023.
/// </summary>
public sealed class InvalidationState(Mutant mutant = Mutant.None)
{
    public long InProgress { get; private set; }
    public ulong Sequence { get; private set; }
    public long HullStart { get; private set; } = long.MaxValue;
    public long HullEnd { get; private set; } = long.MinValue;

    /// <summary><c>kvm_mmu_invalidate_begin</c>.</summary>
    public void Begin()
    {
        InProgress++;
        if (InProgress == 1) ForgetHull();
    }

    /// <summary><c>kvm_mmu_invalidate_range_add</c>.</summary>
    public void AddToHull(long start, long end)
    {
        HullStart = Math.Min(HullStart, start);
        HullEnd = Math.Max(HullEnd, end);
    }

    /// <summary><c>kvm_mmu_invalidate_end</c>: the sequence rises before the count falls, so that a lockless reader sees one or the
    /// other.</summary>
    public void End()
    {
        Sequence++;
        InProgress--;
        if (mutant == Mutant.HullResetAtAnyEnd) ForgetHull();
    }

    public bool InHull(long page) => page >= HullStart && page < HullEnd;

    private void ForgetHull() => (HullStart, HullEnd) = (long.MaxValue, long.MinValue);
}
