using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// The locks of one actor (a VM, a host): their statistics by class, the order graph, and the current waits. An actor runs one turn at a
/// time, so nothing here is synchronised. A lock is an object with a queue and never the actor's turn.
/// </summary>
public sealed class LockDomain(IWorld world)
{
    [Untracked("the locks to ask for waits; no operation acts upon it")]
    private readonly List<IWaitable> _waitables = new(16);

    private readonly LockCounts _counts = world.LockCounts ?? new LockCounts();

    [Untracked("only tells waits apart")]
    private long _nextWaitId;

    // Held bits may come from another process before a class was named in this one.
    static LockDomain() => LockClass.DefineAll();

    public IWorld World { get; } = world;
    public LockOrderGraph Order { get; } = world.LockOrder ?? new LockOrderGraph();

    /// <inheritdoc cref="LockCounts.All"/>
    public IEnumerable<(LockClass Class, LockMode Mode, LockStatistics Statistics)> Statistics => _counts.All;

    /// <inheritdoc cref="LockCounts.Clear"/>
    public void ClearStatistics() => _counts.Clear();

    public LockStatistics StatisticsOf(LockClass lockClass, LockMode mode) => _counts.Of(lockClass, mode);

    /// <summary>All waits in this actor now.</summary>
    public IReadOnlyList<WaitSnapshot> Waits()
    {
        var waits = new List<WaitSnapshot>();
        foreach (var waitable in _waitables) waitable.AddWaits(waits);
        return waits;
    }

    public void Forget(IWaitable waitable) => _waitables.Remove(waitable);

    /// <summary>The object that has the lock goes (<c>debug_check_no_locks_freed</c>): it must not be held.</summary>
    public void Free(KernelLock gone)
    {
        CheckNotHeld(gone);
        Forget(gone);
    }

    /// <summary>The actor goes, and all locks that are left with it.</summary>
    public void CheckNoneIsHeld()
    {
        foreach (var waitable in _waitables)
            if (waitable is KernelLock gone) CheckNotHeld(gone);
    }

    private void CheckNotHeld(KernelLock gone)
    {
        if (gone.Holders is not [var holder, ..]) return;
        World.Observer.Violated(new Violation(
            Invariants.Teardown, $"{gone.Class} of {gone.Instance} is freed while {holder} holds it", gone.Instance, Operations: [holder]));
    }

    internal void Register(IWaitable waitable) => _waitables.Add(waitable);

    internal long NextWaitId() => ++_nextWaitId;

    /// <summary>
    /// Called before every acquisition: records the order edges, and reports the holder of a spin lock that asks for a lock that may sleep
    /// (the kernel's might_sleep).
    /// </summary>
    internal void BeforeAcquire(Operation op, LockClass lockClass, LockMode mode, string instance, bool alreadyHoldsInstance)
    {
        Order.Add(op, lockClass, mode, alreadyHoldsInstance);
        if (lockClass.MaySleep && (op.Held.Classes & LockClass.AtomicClasses) != 0)
            AssertMaySleep(op, $"asks for {lockClass} of {instance}");
    }

    /// <summary>Asserts that the operation holds no spin lock; call it before any wait of the model that sleeps in the kernel.</summary>
    public void AssertMaySleep(Operation op, string what)
    {
        if ((op.Held.Classes & LockClass.AtomicClasses) == 0) return;
        var (held, _) = op.Held.Enumerate().First(hold => !hold.Class.MaySleep);
        World.Observer.Violated(new Violation(
            Invariants.AtomicSleep, $"{op} {what} while it holds {held}, under which the kernel cannot sleep", Operations: [op.Id]));
    }
}
