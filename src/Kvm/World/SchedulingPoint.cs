namespace Livebed.Kvm.World;

/// <summary>The places where the order of actors matters (kvm-protocol section 11.2).</summary>
public enum SchedulingPoint
{
    /// <summary>Before a lock is asked for.</summary>
    LockAcquire,

    /// <summary>Between the steps of an mm operation: start, PTE change, free, end.</summary>
    MmStep,

    /// <summary>Inside a fault, between snapshot, lookup, lock and install.</summary>
    FaultStep,

    /// <summary>Before a TLB flush request leaves for the vCPUs.</summary>
    TlbFlush,

    /// <summary>A vCPU between TLB lookup and memory access.</summary>
    GuestAccess,

    /// <summary>A preemption in a place where kernel code can be preempted and a mutant is wrong: the cluster lets others run.</summary>
    Preempt,

    /// <summary>Before a call to another object: the VM's to its host, the host's to a VM, a vCPU's to its VM.</summary>
    Call,

    /// <summary>A loop repeats without progress; it cannot progress before another operation makes a step.</summary>
    Retry,

    /// <summary>Long work gives way: a zap that yields <c>mmu_lock</c>, a vCPU between two slices, a scan.</summary>
    Yield,
}
