using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Pricing.Worlds;

/// <summary>
/// What the model's steps cost. A lock is a cache line that moves from CPU to CPU, one at a time: readers of a rwlock and of a semaphore
/// exclude each other there and nowhere else. A thread that waits for a lock whose holder may not sleep spins; otherwise it sleeps.
/// Simplified: a sleeping lock is handed to the first in its queue, without spinning before the sleep.
/// </summary>
public sealed partial class PricedWorld : IModelTrace
{
    // A protocol of a user defines classes of its own later.
    private const int LockClassesMax = 64;

    private readonly PricedLock?[] _locks = new PricedLock?[2 * LockClassesMax];
    private readonly LockLine?[] _lines = new LockLine?[LockClassesMax];
    private readonly Dictionary<OperationId, (PricedThread Thread, long Since)> _waiters = [];

    /// <summary>Of each class and mode that was ever taken; the columns of /proc/lock_stat, in nanoseconds.</summary>
    public IEnumerable<PricedLock> Locks => _locks.OfType<PricedLock>();

    /// <summary>What the line of a class of locks took of all CPUs, in nanoseconds.</summary>
    public long LineTimeOf(LockClass lockClass) => _lines[lockClass.Index]?.Time ?? 0;

    bool IModelTrace.WantsText => false;

    void IModelTrace.Note(Operation? op, string text)
    {
    }

    void IModelTrace.Made(ModelStep step, long count)
    {
        if (count == 0 || Current is not { } thread) return;
        switch (step)
        {
            case ModelStep.PteChange:
                thread.PteChanges += count;
                Charge(Price.PteChange, Account.Work, count);
                break;
            case ModelStep.PublishMemslots:
                thread.Add(new Charge
                {
                    Kind = ChargeKind.Pause,
                    Account = Account.Sleep,
                    Nanoseconds = Math.Max(1, CostOf(Price.SynchronizeSrcuExpedited)),
                });
                break;
            default:
                Charge(PriceOf(step), Account.Work, count);
                break;
        }
    }

    void IModelTrace.Lock(Operation op, LockStep step, LockClass lockClass, string instance, LockMode mode)
    {
        if (Current is not { } thread) return;
        var counts = _locks[2 * lockClass.Index + (int)mode] ??= new PricedLock(lockClass, mode);
        switch (step)
        {
            case LockStep.Waits:
                _waiters[op.Id] = (thread, Now);
                thread.Spins = !lockClass.MaySleep;
                break;
            case LockStep.Acquired when _waiters.Remove(op.Id, out var waiter):
                counts.Waited(Now - waiter.Since);
                waiter.Thread.Spins = false;
                if (!lockClass.MaySleep) waiter.Thread.AddWork(CostOf(Price.LockHandOver), Account.Lines);
                Enter(waiter.Thread, lockClass, mode);
                break;
            case LockStep.Acquired:
                Enter(thread, lockClass, mode);
                break;
            default:
                Leave(thread, lockClass, mode, counts);
                break;
        }
    }

    bool IModelTrace.Defers(KernelLock held, Operation op, LockMode mode)
    {
        if (!_isRunning || Current is not { } thread || !TakesTime(held.Class)) return false;
        AddLine(thread, held.Class);
        thread.Add(new Charge { Kind = ChargeKind.GiveBack, Subject = held, Operation = op, Mode = mode });
        return true;
    }

    private void Enter(PricedThread thread, LockClass lockClass, LockMode mode)
    {
        _locks[2 * lockClass.Index + (int)mode]!.Acquisitions++;
        if (!lockClass.MaySleep) thread.AtomicHolds++;
        thread.Holds.Add((lockClass, mode, Now));
        AddLine(thread, lockClass);
    }

    private void Leave(PricedThread thread, LockClass lockClass, LockMode mode, PricedLock counts)
    {
        var index = thread.Holds.FindLastIndex(hold => hold.Class == lockClass && hold.Mode == mode);
        // Taken when the scene was set up.
        if (index < 0) return;
        counts.Held(Now - thread.Holds[index].Since);
        thread.Holds.RemoveAt(index);
        if (!lockClass.MaySleep) thread.AtomicHolds--;
        if (!TakesTime(lockClass)) AddLine(thread, lockClass);
    }

    private void AddLine(PricedThread thread, LockClass lockClass)
    {
        if (lockClass == LockClasses.MmUsers) return;
        if (IsSplit(lockClass)) thread.AddWork(CostOf(Price.AtomicOwn), Account.Lines);
        else thread.Add(new Charge
        {
            Kind = ChargeKind.Line,
            Account = Account.Lines,
            Subject = _lines[lockClass.Index] ??= new LockLine(),
        });
    }

    /// <summary>Not of a page-table lock, which the kernel has for each page of the table and the model once, nor of a count. Nor of
    /// slots_lock, which no two threads of a scenario want: a destroyed VM is asked at once whether it is free.</summary>
    private static bool TakesTime(LockClass lockClass) =>
        lockClass != LockClasses.PageTableLock && lockClass != LockClasses.MmUsers && lockClass != LockClasses.SlotsLock;

    /// <summary>The kernel has one for each page, or for each page of a table.</summary>
    private static bool IsSplit(LockClass lockClass) => lockClass == LockClasses.PageTableLock || lockClass == LockClasses.FolioLock;

    private static Price PriceOf(ModelStep step) => step switch
    {
        ModelStep.PageCopy => Price.PageCopy,
        ModelStep.PageCompare => Price.PageCompare,
        ModelStep.SpteInstall => Price.SpteInstall,
        ModelStep.FastPageFault => Price.FastPageFault,
        ModelStep.SpteZap => Price.SpteZap,
        ModelStep.WriteProtect => Price.WriteProtect,
        ModelStep.MarkDirty => Price.MarkDirty,
        _ => throw new ArgumentOutOfRangeException(nameof(step), step, "the step has no price"),
    };
}

/// <summary>One class of locks in one mode, as /proc/lock_stat has it; times in nanoseconds.</summary>
public sealed class PricedLock(LockClass lockClass, LockMode mode)
{
    public LockClass Class { get; } = lockClass;
    public LockMode Mode { get; } = mode;
    public long Acquisitions { get; internal set; }

    /// <summary>Acquisitions that had to wait for another operation.</summary>
    public long Contentions { get; private set; }

    public long WaitTotal { get; private set; }
    public long WaitMax { get; private set; }
    public long HoldTotal { get; private set; }
    public long HoldMax { get; private set; }

    internal void Waited(long nanoseconds)
    {
        Contentions++;
        WaitTotal += nanoseconds;
        WaitMax = Math.Max(WaitMax, nanoseconds);
    }

    internal void Held(long nanoseconds)
    {
        HoldTotal += nanoseconds;
        HoldMax = Math.Max(HoldMax, nanoseconds);
    }
}
