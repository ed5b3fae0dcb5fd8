using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;

namespace Livebed.Kvm.World;

/// <summary>
/// Where the model tells what happened. Counters live in the model; this is for what must leave at once (violations) and for what
/// telemetry shows (phases, long waits, retried faults). Every method must be cheap and must not throw.
/// </summary>
public interface IModelObserver
{
    /// <summary>A check was violated; the world stops the run in an orderly way.</summary>
    void Violated(Violation violation);

    /// <summary>A phase of an operation begins; dispose the result at its end. Null without a listener. <paramref name="number"/> tells
    /// phases of one name apart, such as the rounds of a migration.</summary>
    IDisposable? Phase(Operation op, string name, long? number = null);

    /// <summary>A contended acquisition ended.</summary>
    void LockWaited(in LockWait wait);

    /// <summary>A VM's guest is about to run on that host under that epoch, or has stopped there. Only VMs that migrate say so.</summary>
    void GuestRuns(string vm, string host, long epoch, bool runs);

    /// <summary>A guest fault must begin again, and why.</summary>
    void FaultRetried(in FaultRetry retry);

    /// <summary>A guest fault was resolved.</summary>
    void FaultResolved(in ResolvedFault fault);

    /// <summary>A TLB miss was answered by the page-table walk alone, in so much time.</summary>
    void TlbRefilled(long microseconds);

    /// <summary>A continuation that was ready ran this much later: time queued for the actor's turn, not for a lock.</summary>
    void TurnWaited(long microseconds);
}

/// <summary>Observes nothing, except that a violation is remembered; a base for observers that care for one thing.</summary>
public class NullObserver : IModelObserver
{
    private readonly List<Violation> _violations = [];

    public IReadOnlyList<Violation> Violations => _violations;

    public virtual void Violated(Violation violation) => _violations.Add(violation);
    public virtual IDisposable? Phase(Operation op, string name, long? number = null) => null;
    public virtual void LockWaited(in LockWait wait) { }
    public virtual void GuestRuns(string vm, string host, long epoch, bool runs) { }
    public virtual void FaultRetried(in FaultRetry retry) { }
    public virtual void FaultResolved(in ResolvedFault fault) { }
    public virtual void TlbRefilled(long microseconds) { }
    public virtual void TurnWaited(long microseconds) { }
}

/// <summary>Why a fault begins again.</summary>
public enum RetryReason : byte
{
    /// <summary>An invalidation of its page, as the protocol keeps it, was under way.</summary>
    InvalidationInProgress,

    /// <summary>An invalidation had ended since the fault took its snapshot of the sequence.</summary>
    SequenceChanged,

    /// <summary>Its memslot was INVALID: an update was under way.</summary>
    InvalidMemslot,

    /// <summary>What it had mapped was gone when the guest looked.</summary>
    MappingGone,
}

/// <summary>A fault that begins again.</summary>
/// <param name="Operation">the fault</param>
/// <param name="Gfn">the page</param>
/// <param name="Hva">where the host has it; page 0 where that is not known</param>
/// <param name="Reason">why</param>
/// <param name="Sequence">its snapshot of <c>mmu_invalidate_seq</c>; 0 where that no longer matters</param>
public readonly record struct FaultRetry(OperationId Operation, Gfn Gfn, Hva Hva, RetryReason Reason, ulong Sequence);

/// <summary>A fault that was resolved; times in microseconds.</summary>
/// <param name="Operation">the fault</param>
/// <param name="Gfn">the page</param>
/// <param name="Write">whether the guest wrote</param>
/// <param name="Retries">times it began again</param>
/// <param name="Microseconds">from the trap to its end</param>
/// <param name="RetryMicroseconds">of those, what went into attempts that had to begin again</param>
public readonly record struct ResolvedFault(
    OperationId Operation, Gfn Gfn, bool Write, int Retries, long Microseconds, long RetryMicroseconds);
