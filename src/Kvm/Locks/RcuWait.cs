using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// <c>struct rcuwait</c>: a sleep slot for exactly one task. The waiter checks its condition, sleeps, and checks again when woken; the
/// waker wakes the registered task. A wake-up between the check and the sleep is not lost: the sleep returns at once, as schedule() does in
/// the kernel. Only the owner of the condition knows the blockers, so the constructor takes a callback for them.
/// </summary>
public sealed class RcuWait : IWaitable
{
    private readonly LockDomain _domain;
    private readonly LockClass _class;
    private readonly string _instance;
    private readonly Func<IEnumerable<WaitBlocker>> _blockers;
    private Tracked<Operation?> _registered;
    private Tracked<Waiter?> _sleeper;
    private Tracked<bool> _wokenEarly;

    [Untracked("for witnesses")]
    private long _registeredSince;

    [Untracked("for witnesses")]
    private long _waitId;

    [Untracked("for telemetry")]
    private WaitBlocker? _firstBlocker;

    public RcuWait(LockDomain domain, LockClass lockClass, string instance, Func<IEnumerable<WaitBlocker>> blockers)
    {
        _domain = domain;
        _class = lockClass;
        _instance = instance;
        _blockers = blockers;
        domain.Register(this);
        var place = new Place(domain.World);
        _registered = new Tracked<Operation?>(place);
        _sleeper = new Tracked<Waiter?>(place);
        _wokenEarly = new Tracked<bool>(place);
    }

    /// <summary><c>rcuwait_active</c>: is a task between Prepare and Finish?</summary>
    public bool IsActive => _registered.Value is not null;

    /// <summary><c>prepare_to_rcuwait</c>.</summary>
    /// <exception cref="UnreachableException">A second task: rcuwait has room for one, and its callers hold slots_lock.</exception>
    public void Prepare(Operation op)
    {
        if (_registered.Value is { } other)
            throw new UnreachableException($"{op} sleeps on {_class} of {_instance}, where {other} sleeps already");
        _registered.Value = op;
        _registeredSince = _domain.World.NowMicroseconds;
        _waitId = _domain.NextWaitId();
        _wokenEarly.Value = false;
        _firstBlocker = null;
    }

    /// <summary><c>schedule()</c> in the loop between Prepare and Finish; returns when woken.</summary>
    /// <exception cref="UnreachableException">No task is registered.</exception>
    public async ValueTask SleepAsync()
    {
        var op = _registered.Value ?? throw new UnreachableException($"a sleep on {_class} of {_instance} without prepare_to_rcuwait");
        _domain.BeforeAcquire(op, _class, LockMode.Write, _instance, alreadyHoldsInstance: false);

        // The caller has dropped the lock under which it checked its condition.
        await _domain.World.PointAsync(SchedulingPoint.Preempt);
        if (_wokenEarly.Value)
        {
            _wokenEarly.Value = false;
            return;
        }

        // In telemetry the first blocker at the first sleep stands for all of them; an operation of kind none means unknown.
        _firstBlocker ??= _blockers().FirstOrDefault(new WaitBlocker(OperationId.None, OperationKind.None, LockMode.Read, Queued: false));
        var sleeper = new Waiter(_domain.World)
        {
            WaitId = _waitId,
            Operation = op,
            Mode = LockMode.Write,
            SinceMicroseconds = _registeredSince,
        };
        _sleeper.Value = sleeper;
        await sleeper.Task;
        _domain.World.Observer.TurnWaited(_domain.World.NowMicroseconds - sleeper.GrantedMicroseconds);
    }

    /// <summary><c>rcuwait_wake_up</c>: wakes the registered task, if there is one.</summary>
    public void WakeUp()
    {
        var sleeper = _sleeper.Value;
        _sleeper.Value = null;
        _wokenEarly.Value = sleeper is null;
        sleeper?.Complete(_domain.World.NowMicroseconds);
    }

    /// <summary><c>finish_rcuwait</c>.</summary>
    /// <exception cref="UnreachableException">No task is registered.</exception>
    public void Finish()
    {
        var op = _registered.Value
            ?? throw new UnreachableException($"finish_rcuwait on {_class} of {_instance} without prepare_to_rcuwait");
        _registered.Value = null;
        var statistics = _domain.StatisticsOf(_class, LockMode.Write);
        statistics.Acquisitions++;
        if (_firstBlocker is not { } blocker) return;
        var waited = _domain.World.NowMicroseconds - _registeredSince;
        statistics.AddWait(waited);
        _domain.World.Observer.LockWaited(new LockWait(
            _class, _instance, LockMode.Write, op.Id, op.Kind, blocker.Operation, blocker.Kind, waited));
    }

    public void AddWaits(List<WaitSnapshot> waits)
    {
        if (_registered.Value is not { } registered) return;
        waits.Add(new WaitSnapshot(
            _waitId, registered.Id, registered.Kind, _class.Name, _instance, LockMode.Write,
            _domain.World.NowMicroseconds - _registeredSince, _blockers().ToList()));
    }
}
