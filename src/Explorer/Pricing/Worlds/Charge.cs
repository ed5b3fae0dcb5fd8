using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>Where a thread's time goes.</summary>
public enum Account : byte
{
    /// <summary>The guest runs.</summary>
    Guest,

    /// <summary>Ways out of the guest and into it, and hardware's page walks.</summary>
    Exits,

    /// <summary>The kernel or user space works.</summary>
    Work,

    /// <summary>Cache lines of locks move.</summary>
    Lines,

    /// <summary>TLB flushes: sending interrupts and waiting for them.</summary>
    Flush,

    /// <summary>It spins for a lock, on its CPU.</summary>
    Spin,

    /// <summary>It sleeps.</summary>
    Sleep,

    /// <summary>It goes to sleep, is woken, and is switched to.</summary>
    Switch,

    /// <summary>It could run and has no CPU.</summary>
    Queue,
}

internal enum ChargeKind : byte
{
    /// <summary>Takes time on a CPU.</summary>
    Work,

    /// <summary>Takes time without a CPU.</summary>
    Pause,

    /// <summary>An atomic access of a lock's cache line.</summary>
    Line,

    /// <summary>A lock is given back.</summary>
    GiveBack,

    /// <summary>Another thread's wait ends.</summary>
    Deliver,

    /// <summary>An interrupt to a thread that may be in the guest.</summary>
    Kick,
}

/// <summary>
/// A step that a thread has made in the model, and that still has to happen in time. Charges happen in their order: what comes after a
/// step, such as the release of a lock, waits until the step has had its time.
/// </summary>
internal struct Charge
{
    public ChargeKind Kind;
    public Account Account;
    public LockMode Mode;
    public bool IsBegun;

    /// <summary>An interrupt may end it early.</summary>
    public bool IsGuest;

    /// <summary>The interrupt costs the target time, as it leaves the guest for it.</summary>
    public bool CostsExit;

    /// <summary>Of a kick: which entry into the guest it is for, 0 for whichever; only that ends early.</summary>
    public long Entry;

    public long Nanoseconds;
    public long BeganAt;
    public long EndsAt;

    /// <summary>A lock's line, the lock that is given back, or the target of an interrupt.</summary>
    public object? Subject;

    public Operation? Operation;
    public Continuation Continuation;
}

/// <summary>Code of a thread that runs when its wait ends.</summary>
internal readonly record struct Continuation(Delegate Callback, object? State)
{
    public void Run()
    {
        if (Callback is Action<object?> action) action(State);
        else ((SendOrPostCallback)Callback)(State);
    }
}

/// <summary>The cache line of a lock: which CPU touched it last, and until when it moves.</summary>
internal sealed class LockLine
{
    public int Owner { get; set; } = -1;
    public long FreeAt { get; set; }

    /// <summary>How long CPUs have waited for it and had it, in nanoseconds.</summary>
    public long Time { get; set; }
}
