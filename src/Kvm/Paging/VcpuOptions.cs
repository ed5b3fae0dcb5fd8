using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>Fixed properties of a vCPU.</summary>
/// <param name="Index">0 to the VM's number of vCPUs - 1</param>
/// <param name="TlbEntries">a power of two</param>
/// <param name="BatchAccesses">accesses in one call to the memory bus, at most: one slice</param>
/// <param name="FaultRetriesMax">retries of one fault, or exits in a row with a full dirty ring, after which it counts as a livelock
/// (checks L1 and L5), if it took longer than <paramref name="FaultMicrosecondsMax"/> too</param>
/// <param name="FaultMicrosecondsMax">see there</param>
public sealed record VcpuOptions(
    int Index, int TlbEntries = 4096, int BatchAccesses = 256, int FaultRetriesMax = 10_000, long FaultMicrosecondsMax = 5_000_000);

/// <summary>What a vCPU counts; every value but one only grows.</summary>
[Untracked("statistics; no step acts upon them")]
public sealed record VcpuCounters
{
    /// <summary>Guest accesses that were performed.</summary>
    public long Accesses { get; set; }

    /// <summary>Accesses that user space had to emulate (no memslot) or that failed (-EFAULT).</summary>
    public long AccessesSkipped { get; set; }

    public long Batches { get; set; }
    /// <summary>TLB misses that the page-table walk alone answered.</summary>
    public long TlbRefills { get; set; }

    /// <summary>TLB misses that took more than a walk, each once, however often it was retried and whatever came of it.</summary>
    public long Faults { get; set; }
    public long FaultRetries { get; set; }
    public long TlbFlushes { get; set; }

    /// <summary>Pages that its faults have put into the dirty log; those of a page that was in the log already are none.</summary>
    public long DirtyPages { get; set; }

    public long FaultMicroseconds { get; set; }

    /// <summary>Time that it slept so that a migration converges.</summary>
    public long ThrottleMicroseconds { get; set; }

    /// <summary>How late the guest's newest access was against its intended time; the one figure here that can fall.</summary>
    public long BehindMicroseconds { get; set; }

    /// <summary>Where the guest's program is: the intended time of what it did last, since it began; 0 while the memory is
    /// populated.</summary>
    public long ProgramMicroseconds { get; set; }

    /// <summary>Added up; of what is no sum, the time that a guest is late and where its program is, the largest.</summary>
    public static VcpuCounters operator +(VcpuCounters one, VcpuCounters other) => new()
    {
        Accesses = one.Accesses + other.Accesses,
        AccessesSkipped = one.AccessesSkipped + other.AccessesSkipped,
        Batches = one.Batches + other.Batches,
        TlbRefills = one.TlbRefills + other.TlbRefills,
        Faults = one.Faults + other.Faults,
        FaultRetries = one.FaultRetries + other.FaultRetries,
        TlbFlushes = one.TlbFlushes + other.TlbFlushes,
        DirtyPages = one.DirtyPages + other.DirtyPages,
        FaultMicroseconds = one.FaultMicroseconds + other.FaultMicroseconds,
        ThrottleMicroseconds = one.ThrottleMicroseconds + other.ThrottleMicroseconds,
        BehindMicroseconds = Math.Max(one.BehindMicroseconds, other.BehindMicroseconds),
        ProgramMicroseconds = Math.Max(one.ProgramMicroseconds, other.ProgramMicroseconds),
    };
}
