namespace Livebed.Kvm.Paging;

/// <summary>What a vCPU counts; every value only grows.</summary>
public sealed class VcpuCounters
{
    /// <summary>Guest accesses that were performed.</summary>
    public long Accesses { get; set; }

    /// <summary>Accesses that user space had to emulate (no memslot) or that failed (-EFAULT).</summary>
    public long AccessesSkipped { get; set; }

    public long Batches { get; set; }
    public long Faults { get; set; }
    public long FaultRetries { get; set; }
    public long TlbFlushes { get; set; }

    /// <summary>Microseconds spent in faults, and the lag of the guest program behind its intended time.</summary>
    public long FaultMicroseconds { get; set; }
    public long BehindMicroseconds { get; set; }
}
