using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// Requests to a vCPU (<c>vcpu->requests</c>, and the kick of user space): leave the guest, pause, resume, or stop for good. A requester
/// waits here until the vCPU's loop has done it. Each such change wakes all waiters, which check again. The loop itself waits here while it
/// is paused.
/// </summary>
internal sealed class VcpuRequests(IWorld world, Place place)
{
    private readonly List<Waiter> _waiters = [];
    private int _pauses;
    private Waiter? _parked;
    private long _nextWaitId;

    /// <summary>An operation has asked for a pause: the loop must park.</summary>
    public bool IsPauseRequested => _pauses > 0;

    /// <summary>Its loop has parked.</summary>
    public bool IsPaused { get; private set; }

    /// <summary>Its loop is to end.</summary>
    public bool IsStopRequested { get; set; }

    /// <summary>Its loop has ended.</summary>
    public bool IsStopped { get; private set; }

    /// <inheritdoc cref="IVcpuPort.PauseAsync"/>
    public async ValueTask PauseAsync(Operation op)
    {
        place.Writes();
        _pauses++;
        while (!IsPaused && !IsStopped) await WaitAsync(op);
    }

    /// <inheritdoc cref="IVcpuPort.ResumeAsync"/>
    public void Resume()
    {
        place.Writes();
        if (--_pauses == 0) Unpark();
    }

    /// <summary>Returns when the loop has ended.</summary>
    public async ValueTask StopAsync(Operation op)
    {
        place.Writes();
        IsStopRequested = true;
        Unpark();
        while (!IsStopped) await WaitAsync(op);
    }

    /// <summary>The loop has ended.</summary>
    public void Stopped()
    {
        IsStopped = true;
        WakeAll();
    }

    /// <summary>Returns at the next of the vCPU's changes.</summary>
    public async ValueTask WaitAsync(Operation op)
    {
        var waiter = NewWaiter(op);
        _waiters.Add(waiter);
        await waiter.Task;
        place.Writes();
    }

    /// <summary>The vCPU's loop has left the guest and waits until no pause is requested any more. Returns the wait in
    /// microseconds.</summary>
    public async ValueTask<long> ParkAsync()
    {
        IsPaused = true;
        WakeAll();
        var parked = _parked = NewWaiter(new Operation(OperationId.None, OperationKind.None));
        await parked.Task;
        place.Writes();
        return world.NowMicroseconds - parked.SinceMicroseconds;
    }

    public void WakeAll()
    {
        if (_waiters.Count == 0) return;
        var waiters = _waiters.ToArray();
        _waiters.Clear();
        foreach (var waiter in waiters) waiter.Complete(world.NowMicroseconds);
    }

    /// <summary>As waits for guest mode of the vCPU of this name, blocked by the fault under way.</summary>
    public void AddTo(List<WaitSnapshot> waits, string name, OperationId fault)
    {
        foreach (var waiter in _waiters)
            waits.Add(new WaitSnapshot(
                waiter.WaitId, waiter.Operation.Id, waiter.Operation.Kind, "guest_mode", name, LockMode.Write,
                world.NowMicroseconds - waiter.SinceMicroseconds,
                fault.IsNone ? [] : [new WaitBlocker(fault, OperationKind.Fault, LockMode.Write, Queued: false)]));
    }

    private void Unpark()
    {
        // At once, not when the loop runs on: a pause that comes in between must wait for the loop to park again.
        IsPaused = false;
        var parked = _parked;
        _parked = null;
        parked?.Complete(world.NowMicroseconds);
    }

    private Waiter NewWaiter(Operation op) =>
        new(world) { WaitId = ++_nextWaitId, Operation = op, Mode = LockMode.Write, SinceMicroseconds = world.NowMicroseconds };
}
