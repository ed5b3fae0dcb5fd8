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

    /// <summary>Pages that devices of user space have written.</summary>
    public long DeviceWrites { get; set; }
    public long Audits { get; set; }
    public long AuditedSptes { get; set; }
    public long ChecksEvaluated { get; set; }

    public static VmCounters operator +(VmCounters one, VmCounters other) => Combine(one, other, (a, b) => a + b, Math.Max);

    /// <summary>What was counted since; of what is no sum, what it is now.</summary>
    public static VmCounters operator -(VmCounters now, VmCounters before) => Combine(now, before, (a, b) => a - b, (a, _) => a);

    private static VmCounters Combine(VmCounters one, VmCounters other, Func<long, long, long> sum, Func<long, long, long> largest) => new()
    {
        Faults = sum(one.Faults, other.Faults),
        FaultRetries = sum(one.FaultRetries, other.FaultRetries),
        FastPageFaults = sum(one.FastPageFaults, other.FastPageFaults),
        TlbMisses = sum(one.TlbMisses, other.TlbMisses),
        MmioExits = sum(one.MmioExits, other.MmioExits),
        FaultErrors = sum(one.FaultErrors, other.FaultErrors),
        NotifierRanges = sum(one.NotifierRanges, other.NotifierRanges),
        NotifierElided = sum(one.NotifierElided, other.NotifierElided),
        NotifierMmuLockAcquisitions = sum(one.NotifierMmuLockAcquisitions, other.NotifierMmuLockAcquisitions),
        AgeingCalls = sum(one.AgeingCalls, other.AgeingCalls),
        TlbFlushes = sum(one.TlbFlushes, other.TlbFlushes),
        MmuLockYields = sum(one.MmuLockYields, other.MmuLockYields),
        MemslotUpdates = sum(one.MemslotUpdates, other.MemslotUpdates),
        MemslotRefusals = sum(one.MemslotRefusals, other.MemslotRefusals),
        StartsWhilePublishingMax = largest(one.StartsWhilePublishingMax, other.StartsWhilePublishingMax),
        DirtyLogGets = sum(one.DirtyLogGets, other.DirtyLogGets),
        DirtyLogClears = sum(one.DirtyLogClears, other.DirtyLogClears),
        DirtyRingResets = sum(one.DirtyRingResets, other.DirtyRingResets),
        DirtyRingFullExits = sum(one.DirtyRingFullExits, other.DirtyRingFullExits),
        DirtyPagesReported = sum(one.DirtyPagesReported, other.DirtyPagesReported),
        DirtyLogVerifications = sum(one.DirtyLogVerifications, other.DirtyLogVerifications),
        SoftwareWrites = sum(one.SoftwareWrites, other.SoftwareWrites),
        DeviceWrites = sum(one.DeviceWrites, other.DeviceWrites),
        Audits = sum(one.Audits, other.Audits),
        AuditedSptes = sum(one.AuditedSptes, other.AuditedSptes),
        ChecksEvaluated = sum(one.ChecksEvaluated, other.ChecksEvaluated),
    };
}
