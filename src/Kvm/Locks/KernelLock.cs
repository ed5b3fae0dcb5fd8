#pragma warning disable RS0030 // a cell says what is read and written
using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// A kernel lock as an awaitable object: owners are operations, waiters stand in a queue, and everything is counted as lock_stat counts it.
/// Mutex, rwsem and mmu_lock differ only in the rule of admission, <see cref="Admits"/>. A release hands the lock to the head of the queue
/// in the same step, so no other operation can take it in between. To depth-first
/// search a lock is a cell: a step that takes it and gives it back has only read it. Readers do not see each other unless an operation
/// queues.
/// </summary>
[Untracked("a lock is a cell: it says itself when it is taken, given back and waited for")]
public abstract class KernelLock : IWaitable
{
    private readonly LockDomain _domain;
    private ShortList<LockHolder> _holders;

    // Made for the first that has to wait: most locks never see one.
    private LinkedList<Waiter>? _queue;
    private readonly Place _place;

    // The one that took it last, or made it.
    private int _cpu;

    protected KernelLock(LockDomain domain, LockClass lockClass, string instance)
    {
        _domain = domain;
        Class = lockClass;
        Instance = instance;
        domain.Register(this);
        _place = new Place(domain.World);
        _cpu = domain.World.Cpu;
    }

    public LockClass Class { get; }

    /// <summary>The owner of the lock, for witnesses: "vm-3" or "mm-3 of host-0".</summary>
    public string Instance { get; }

    public bool IsContended
    {
        get
        {
            _place.Reads();
            return HasQueue;
        }
    }

    private bool HasQueue => _queue is { Count: > 0 };

    /// <summary>Counts as a write: readers come and go as reads, and this tells whether they did.</summary>
    public bool IsHeld
    {
        get
        {
            _place.Writes();
            return _holders.Count > 0;
        }
    }

    /// <summary>See <see cref="IsHeld"/>.</summary>
    public bool IsHeldForWrite
    {
        get
        {
            _place.Writes();
            return HasWriter;
        }
    }

    /// <summary>Those inside, in order of entering. See <see cref="IsHeld"/>.</summary>
    internal IReadOnlyList<OperationId> Holders
    {
        get
        {
            _place.Writes();
            if (_holders.Count == 0) return [];
            var holders = new OperationId[_holders.Count];
            for (var i = 0; i < holders.Length; i++) holders[i] = _holders[i].Operation;
            return holders;
        }
    }

    private bool HasWriter => _holders.Count > 0 && _holders[0].Mode == LockMode.Write;

    /// <summary>No read: only the operation itself changes the answer.</summary>
    public bool IsHeldBy(OperationId op) => IndexOf(op, LockMode.Read) >= 0 || IndexOf(op, LockMode.Write) >= 0;

    /// <summary>May a newcomer enter now, given the modes of those inside and whether someone already queues?</summary>
    /// <param name="mode">what the newcomer asks for</param>
    /// <param name="holders">how many are inside</param>
    /// <param name="heldForWrite">whether the one inside holds it for write</param>
    /// <param name="queued">whether someone stands before the newcomer in the queue</param>
    protected abstract bool Admits(LockMode mode, int holders, bool heldForWrite, bool queued);

    /// <summary>Modes that this lock knows; a mutex maps everything to Write.</summary>
    protected virtual LockMode Normalise(LockMode mode) => mode;

    /// <summary>Asks for the lock. What need not wait, neither at the point nor for the lock, costs no state machine.</summary>
    protected ValueTask AcquireAsync(Operation op, LockMode mode)
    {
        mode = Normalise(mode);
        _domain.BeforeAcquire(op, Class, mode, Instance, alreadyHoldsInstance: !op.Held.IsEmpty && IsHeldBy(op.Id));
        var point = _domain.World.PointAsync(SchedulingPoint.LockAcquire);
        if (!point.IsCompletedSuccessfully) return AcquireAfterAsync(point, op, mode);
        return TryEnter(op, mode) ? ValueTask.CompletedTask : QueueAsync(op, mode);
    }

    private async ValueTask AcquireAfterAsync(ValueTask point, Operation op, LockMode mode)
    {
        await point;
        if (!TryEnter(op, mode)) await QueueAsync(op, mode);
    }

    private bool TryEnter(Operation op, LockMode mode)
    {
        if (!Admits(mode, _holders.Count, HasWriter, HasQueue)) return false;
        Enter(op, mode, _domain.World.NowMicroseconds);
        MoveTo(_domain.World.Cpu, mode);
        op.Held = op.Held.With(Class, mode);
        return true;
    }

    private async ValueTask QueueAsync(Operation op, LockMode mode)
    {
        _domain.World.Trace?.Lock(op, LockStep.Waits, Class, Instance, mode);
        if (_cpu != _domain.World.Cpu) StatisticsOf(mode).ContentionBounces++;
        var waiter = Enqueue(op, mode);
        await waiter.Task;
        MoveTo(_domain.World.Cpu, mode);
        op.Held = op.Held.With(Class, mode);
        _domain.World.Observer.TurnWaited(_domain.World.NowMicroseconds - waiter.GrantedMicroseconds);
    }

    protected bool TryAcquire(Operation op, LockMode mode)
    {
        mode = Normalise(mode);
        if (TryEnter(op, mode)) return true;
        _place.Writes();
        return false;
    }

    /// <exception cref="UnreachableException">The operation does not hold the lock: a defect of the model, never of a protocol.</exception>
    protected void Release(Operation op, LockMode mode)
    {
        mode = Normalise(mode);
        var index = IndexOf(op.Id, mode);
        if (index < 0) throw new UnreachableException($"{op} releases {Class} of {Instance} ({mode}) without holding it");
        var trace = _domain.World.Trace;
        if (trace is not null && trace.Defers(this, op, mode)) op.Held = op.Held.Without(Class, mode);
        else ReleaseAt(index, op, mode, trace);
    }

    /// <summary>The end of a release that <see cref="IModelTrace.Defers"/> has put off; the operation holds the lock until now.</summary>
    public void GiveBack(Operation op, LockMode mode)
    {
        // A lock that was initialised again meanwhile has forgotten its holders.
        if (IndexOf(op.Id, mode) is var index and >= 0) ReleaseAt(index, op, mode, _domain.World.Trace);
    }

    private void ReleaseAt(int index, Operation op, LockMode mode, IModelTrace? trace)
    {
        var now = _domain.World.NowMicroseconds;
        StatisticsOf(mode).AddHold(now - _holders[index].SinceMicroseconds);
        _holders.RemoveAt(index);
        Changes(mode, -1);
        trace?.Lock(op, LockStep.Released, Class, Instance, mode);
        for (var node = _queue?.First; node is not null; node = node.Next)
            if (node.Value.FirstBlockerUntil == 0 && node.Value.FirstBlocker == op.Id) node.Value.FirstBlockerUntil = now;
        // A read may be nested (ranges are): the class stays held until the last one is given back.
        if (IndexOf(op.Id, mode) < 0) op.Held = op.Held.Without(Class, mode);
        Grant(now);
    }

    /// <summary>
    /// <c>init_rwsem</c> on a lock that may be held: forgets the holders. Legal only without waiters, because a forgotten holder never
    /// wakes them. The caller gets the result and reports it.
    /// </summary>
    /// <returns>false when an operation waits; nothing was changed</returns>
    protected bool TryReinitialise()
    {
        _place.Writes();
        if (HasQueue) return false;
        _holders.Clear();
        return true;
    }

    public void AddWaits(List<WaitSnapshot> waits)
    {
        var now = _domain.World.NowMicroseconds;
        for (var node = _queue?.First; node is not null; node = node.Next)
        {
            var blockers = new List<WaitBlocker>();
            for (var i = 0; i < _holders.Count; i++)
                if (Conflicts(node.Value.Mode, _holders[i].Mode))
                    blockers.Add(new WaitBlocker(_holders[i].Operation, _holders[i].Kind, _holders[i].Mode, Queued: false));
            AddBlockersAhead(node, blockers);
            waits.Add(new WaitSnapshot(
                node.Value.WaitId, node.Value.Operation.Id, node.Value.Operation.Kind, Class.Name, Instance, node.Value.Mode,
                now - node.Value.SinceMicroseconds, blockers));
        }
    }

    private static void AddBlockersAhead(LinkedListNode<Waiter> node, List<WaitBlocker> blockers)
    {
        // Up to the nearest writer: it waits for all that stand before it, so naming them too would only make snapshots quadratic.
        for (var ahead = node.Previous; ahead is not null; ahead = ahead.Previous)
        {
            var waiter = ahead.Value;
            if (!Conflicts(node.Value.Mode, waiter.Mode)) continue;
            blockers.Add(new WaitBlocker(waiter.Operation.Id, waiter.Operation.Kind, waiter.Mode, Queued: true));
            if (waiter.Mode == LockMode.Write) return;
        }
    }

    private static bool Conflicts(LockMode left, LockMode right) => left == LockMode.Write || right == LockMode.Write;

    private static LockHolder HolderOf(Waiter first) => new(first.Operation.Id, first.Operation.Kind, first.Mode, 0);

    private Waiter Enqueue(Operation op, LockMode mode)
    {
        var blocker = _holders.Count > 0 ? _holders[0] : HolderOf(_queue!.First!.Value);
        var waiter = new Waiter(_domain.World)
        {
            WaitId = _domain.NextWaitId(),
            Operation = op,
            Mode = mode,
            SinceMicroseconds = _domain.World.NowMicroseconds,
            FirstBlocker = blocker.Operation,
            FirstBlockerKind = blocker.Kind,
            FirstBlockerMode = blocker.Mode,
            FirstBlockerSince = blocker.SinceMicroseconds,
            Ahead = _queue?.Count ?? 0,
        };
        (_queue ??= new LinkedList<Waiter>()).AddLast(waiter);
        _place.Writes();
        return waiter;
    }

    private void Enter(Operation op, LockMode mode, long now)
    {
        StatisticsOf(mode).Acquisitions++;
        _holders.Add(new LockHolder(op.Id, op.Kind, mode, now));
        Changes(mode, 1);
        _domain.World.Trace?.Lock(op, LockStep.Acquired, Class, Instance, mode);
    }

    /// <summary>As <c>lock_acquired</c> counts it, when the one that has the lock now runs.</summary>
    private void MoveTo(int cpu, LockMode mode)
    {
        if (_cpu == cpu) return;
        _cpu = cpu;
        StatisticsOf(mode).AcquisitionBounces++;
    }

    private void Grant(long now)
    {
        // An unfair lock lets readers in past a queued writer, hence the walk over the whole queue and not just its head.
        var passedOver = false;
        for (var node = _queue?.First; node is not null;)
        {
            var next = node.Next;
            var waiter = node.Value;
            if (Admits(waiter.Mode, _holders.Count, HasWriter, passedOver))
            {
                _queue!.Remove(node);
                StatisticsOf(waiter.Mode).AddWait(now - waiter.SinceMicroseconds);
                Enter(waiter.Operation, waiter.Mode, now);
                _domain.World.Observer.LockWaited(new LockWait(
                    Class, Instance, waiter.Mode, waiter.Operation.Id, waiter.Operation.Kind, waiter.FirstBlocker, waiter.FirstBlockerKind,
                    now - waiter.SinceMicroseconds)
                {
                    HolderMode = waiter.FirstBlockerMode,
                    HolderSince = waiter.FirstBlockerSince,
                    HolderUntil = waiter.FirstBlockerUntil > 0 ? waiter.FirstBlockerUntil : now,
                    Ahead = waiter.Ahead,
                    Behind = _queue.Count,
                });
                waiter.Complete(now);
            }
            else
            {
                passedOver = true;
            }

            node = next;
        }
    }

    /// <summary>Readers do not conflict with each other, unless an operation queues.</summary>
    private void Changes(LockMode mode, int holds)
    {
        if (HasQueue) _place.Writes();
        else if (mode == LockMode.Read) _place.Reads();
        else _place.Holds(holds);
    }

    private int IndexOf(OperationId op, LockMode mode)
    {
        for (var i = 0; i < _holders.Count; i++)
            if (_holders[i].Operation == op && _holders[i].Mode == mode) return i;
        return -1;
    }

    private LockStatistics StatisticsOf(LockMode mode) => _domain.StatisticsOf(Class, mode);
}

/// <summary>An operation inside a lock, in one mode; one that reads twice is inside twice.</summary>
internal readonly record struct LockHolder(OperationId Operation, OperationKind Kind, LockMode Mode, long SinceMicroseconds);

public enum LockMode : byte
{
    Read,
    Write,
}

/// <summary>What happened between an operation and a lock.</summary>
public enum LockStep
{
    Acquired,
    Waits,
    Released,
}

/// <summary>A contended acquisition that ended: the waiter, how long it waited, and the operation that held the lock when the wait
/// began.</summary>
public readonly record struct LockWait(
    LockClass Class, string Instance, LockMode Mode, OperationId Waiter, OperationKind WaiterKind, OperationId Holder,
    OperationKind HolderKind, long Microseconds)
{
    /// <summary>How the holder had the lock.</summary>
    public LockMode HolderMode { get; init; }

    /// <summary>Since when the holder had the lock, by the world's clock; 0 where that is not known.</summary>
    public long HolderSince { get; init; }

    /// <summary>When it gave the lock back; the end of the wait if it still has it.</summary>
    public long HolderUntil { get; init; }

    /// <summary>Operations that stood before the waiter in the queue when its wait began.</summary>
    public int Ahead { get; init; }

    /// <summary>Operations that went on waiting when it got the lock.</summary>
    public int Behind { get; init; }
}
