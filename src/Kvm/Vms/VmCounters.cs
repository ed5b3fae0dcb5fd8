using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>Counters of a VM; every value only grows. Over several VMs they are added up, and of a maximum the largest
/// counts.</summary>
[Untracked("statistics")]
public sealed record VmCounters
{
    /// <summary>Attempts of faults: answers to a TLB miss that took more than a walk.</summary>
    public long Faults { get; set; }
    public long FaultRetries { get; set; }
    public long FastPageFaults { get; set; }
    public long TlbMisses { get; set; }
    public long MmioExits { get; set; }
    public long FaultErrors { get; set; }

    /// <summary>range_start calls, and those of them that did not take mmu_lock.</summary>
    public long NotifierRanges { get; set; }
    public long NotifierElided { get; set; }

    /// <summary>Times that a start or an end took it.</summary>
    public long NotifierMmuLockAcquisitions { get; set; }
    public long AgeingCalls { get; set; }
    public long TlbFlushes { get; set; }
    public long MmuLockYields { get; set; }

    /// <summary>Operations that create, delete, move or re-flag a memslot; not those by which a VM is made or taken down, nor the switching
    /// of dirty logging.</summary>
    public long MemslotUpdates { get; set; }
    public long MemslotRefusals { get; set; }

    /// <summary>Most range_start calls that came while one memslot update waited to publish.</summary>
    public long StartsWhilePublishingMax { get; set; }

    /// <summary>Rounds in which user space collected dirty pages, from bitmaps or rings; the final sync of a verification is
    /// none.</summary>
    public long DirtyLogGets { get; set; }
    public long DirtyLogClears { get; set; }
    public long DirtyRingResets { get; set; }
    public long DirtyRingFullExits { get; set; }
    public long DirtyPagesReported { get; set; }
    public long DirtyLogVerifications { get; set; }
    public long SoftwareWrites { get; set; }
    public long Audits { get; set; }
    public long AuditedSptes { get; set; }
    public long ChecksEvaluated { get; set; }

    public static VmCounters operator +(VmCounters one, VmCounters other) => new()
    {
        Faults = one.Faults + other.Faults,
        FaultRetries = one.FaultRetries + other.FaultRetries,
        FastPageFaults = one.FastPageFaults + other.FastPageFaults,
        TlbMisses = one.TlbMisses + other.TlbMisses,
        MmioExits = one.MmioExits + other.MmioExits,
        FaultErrors = one.FaultErrors + other.FaultErrors,
        NotifierRanges = one.NotifierRanges + other.NotifierRanges,
        NotifierElided = one.NotifierElided + other.NotifierElided,
        NotifierMmuLockAcquisitions = one.NotifierMmuLockAcquisitions + other.NotifierMmuLockAcquisitions,
        AgeingCalls = one.AgeingCalls + other.AgeingCalls,
        TlbFlushes = one.TlbFlushes + other.TlbFlushes,
        MmuLockYields = one.MmuLockYields + other.MmuLockYields,
        MemslotUpdates = one.MemslotUpdates + other.MemslotUpdates,
        MemslotRefusals = one.MemslotRefusals + other.MemslotRefusals,
        StartsWhilePublishingMax = Math.Max(one.StartsWhilePublishingMax, other.StartsWhilePublishingMax),
        DirtyLogGets = one.DirtyLogGets + other.DirtyLogGets,
        DirtyLogClears = one.DirtyLogClears + other.DirtyLogClears,
        DirtyRingResets = one.DirtyRingResets + other.DirtyRingResets,
        DirtyRingFullExits = one.DirtyRingFullExits + other.DirtyRingFullExits,
        DirtyPagesReported = one.DirtyPagesReported + other.DirtyPagesReported,
        DirtyLogVerifications = one.DirtyLogVerifications + other.DirtyLogVerifications,
        SoftwareWrites = one.SoftwareWrites + other.SoftwareWrites,
        Audits = one.Audits + other.Audits,
        AuditedSptes = one.AuditedSptes + other.AuditedSptes,
        ChecksEvaluated = one.ChecksEvaluated + other.ChecksEvaluated,
    };
}
