using Livebed.Kvm.Checks;
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
    int Index, int TlbEntries = 4096, int BatchAccesses = 256, int FaultRetriesMax = 10_000, long FaultMicrosecondsMax = 5_000_000)
{
    /// <summary>The defect to have, or null.</summary>
    public Mutant? Mutant { get; init; }

    /// <summary>The guest begins when it is resumed once (<c>-S</c> of QEMU), and not as soon as the vCPU runs. One that goes on where
    /// another was saved has begun.</summary>
    public bool StartsStopped { get; init; }
}

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

    /// <summary>How much of the guest's program was due at its speed, as time of the program.</summary>
    public long DueMicroseconds { get; set; }

    /// <summary>How much of that was executed.</summary>
    public long ExecutedMicroseconds { get; set; }

    /// <summary>Added up; of what is no sum, the time that a guest is late and where its program is, the largest.</summary>
    public static VcpuCounters operator +(VcpuCounters one, VcpuCounters other) => Combine(one, other, (a, b) => a + b, Math.Max);

    /// <summary>What was counted since; of what is no sum, what it is now.</summary>
    public static VcpuCounters operator -(VcpuCounters now, VcpuCounters before) => Combine(now, before, (a, b) => a - b, (a, _) => a);

    private static VcpuCounters Combine(
        VcpuCounters one, VcpuCounters other, Func<long, long, long> sum, Func<long, long, long> largest) => new()
        {
            Accesses = sum(one.Accesses, other.Accesses),
            AccessesSkipped = sum(one.AccessesSkipped, other.AccessesSkipped),
            Batches = sum(one.Batches, other.Batches),
            TlbRefills = sum(one.TlbRefills, other.TlbRefills),
            Faults = sum(one.Faults, other.Faults),
            FaultRetries = sum(one.FaultRetries, other.FaultRetries),
            TlbFlushes = sum(one.TlbFlushes, other.TlbFlushes),
            DirtyPages = sum(one.DirtyPages, other.DirtyPages),
            FaultMicroseconds = sum(one.FaultMicroseconds, other.FaultMicroseconds),
            ThrottleMicroseconds = sum(one.ThrottleMicroseconds, other.ThrottleMicroseconds),
            BehindMicroseconds = largest(one.BehindMicroseconds, other.BehindMicroseconds),
            ProgramMicroseconds = largest(one.ProgramMicroseconds, other.ProgramMicroseconds),
            DueMicroseconds = sum(one.DueMicroseconds, other.DueMicroseconds),
            ExecutedMicroseconds = sum(one.ExecutedMicroseconds, other.ExecutedMicroseconds),
        };
}
