using Livebed.Kvm.Checks;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// Requests to a vCPU (<c>vcpu->requests</c>, and the kick of user space): leave the guest, pause, resume, or stop for good. A requester
/// waits here until the vCPU's loop has done it. Each such change wakes all waiters, which check again. The loop itself waits here while it
/// is paused.
/// </summary>
/// <param name="world">the world</param>
/// <param name="place">where its cells are</param>
/// <param name="wakeup">ends the loop's sleep</param>
/// <param name="startsStopped">a pause is requested from the beginning</param>
/// <param name="mutant">the defect to have, or null</param>
internal sealed class VcpuRequests(IWorld world, Place place, Wakeup wakeup, bool startsStopped = false, Mutant? mutant = null)
{
    private readonly TrackedList<Waiter> _waiters = new(place);
    private Tracked<int> _pauses = new(place, startsStopped ? 1 : 0);
    private Tracked<bool> _isPaused = new(place);
    private Tracked<bool> _isStopRequested = new(place);
    private Tracked<bool> _isStopped = new(place);
    private Tracked<Waiter?> _parked = new(place);

    [Untracked("only tells waits apart")]
    private long _nextWaitId;

    /// <summary>An operation has asked for a pause: the loop must park.</summary>
    public bool IsPauseRequested => _pauses.Value > 0;

    /// <summary>Its loop has parked.</summary>
    public bool IsPaused => _isPaused.Value;

    /// <summary>Its loop is to end.</summary>
    public bool IsStopRequested
    {
        get => _isStopRequested.Value;
        set => _isStopRequested.Value = value;
    }

    /// <summary>Its loop has ended.</summary>
    public bool IsStopped => _isStopped.Value;

    /// <inheritdoc cref="IVcpuPort.PauseAsync"/>
    public async ValueTask PauseAsync(Operation op)
    {
        _pauses.Value++;
        wakeup.Wake();
        if (mutant == Mutant.PauseNotAwaited) return;
        while (!IsPaused && !IsStopped) await WaitAsync(op);
    }

    /// <inheritdoc cref="IVcpuPort.ResumeAsync"/>
    public void Resume()
    {
        if (--_pauses.Value == 0) Unpark();
    }

    /// <summary>Returns when the loop has ended.</summary>
    public async ValueTask StopAsync(Operation op)
    {
        IsStopRequested = true;
        wakeup.Wake();
        Unpark();
        while (!IsStopped) await WaitAsync(op);
    }

    /// <summary>The loop has ended.</summary>
    public void Stopped()
    {
        _isStopped.Value = true;
        WakeAll();
    }

    /// <summary>Returns at the next of the vCPU's changes.</summary>
    public async ValueTask WaitAsync(Operation op)
    {
        var waiter = NewWaiter(op);
        _waiters.Add(waiter);
        await waiter.Task;
    }

    /// <summary>The vCPU's loop has left the guest and waits until no pause is requested any more. Returns the wait in
    /// microseconds.</summary>
    public async ValueTask<long> ParkAsync()
    {
        _isPaused.Value = true;
        WakeAll();
        var parked = _parked.Value = NewWaiter(new Operation(OperationId.None, OperationKind.None));
        await parked.Task;
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
        _isPaused.Value = false;
        var parked = _parked.Value;
        _parked.Value = null;
        parked?.Complete(world.NowMicroseconds);
    }

    private Waiter NewWaiter(Operation op) =>
        new(world) { WaitId = ++_nextWaitId, Operation = op, Mode = LockMode.Write, SinceMicroseconds = world.NowMicroseconds };
}
