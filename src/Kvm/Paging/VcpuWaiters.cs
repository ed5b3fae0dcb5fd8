using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Paging;

/// <summary>
/// Who waits for a vCPU to leave the guest, to be paused or to be stopped: the wait queue of its requests. All are woken by each such change and look again. The vCPU's own
/// loop waits here while it is paused.
/// </summary>
internal sealed class VcpuWaiters(IWorld world, Place place)
{
    private readonly List<Waiter> _waiters = [];
    private Waiter? _parked;
    private long _nextWaitId;

    public async ValueTask WaitAsync(Operation op)
    {
        var waiter = NewWaiter(op);
        _waiters.Add(waiter);
        await waiter.Task;
        place.Writes();
    }

    /// <summary>The vCPU's loop waits for <see cref="Unpark"/>; returns for how many microseconds it did.</summary>
    public async ValueTask<long> ParkAsync()
    {
        var parked = _parked = NewWaiter(new Operation(OperationId.None, OperationKind.None));
        await parked.Task;
        place.Writes();
        return world.NowMicroseconds - parked.SinceMicroseconds;
    }

    public void Unpark()
    {
        var parked = _parked;
        _parked = null;
        parked?.Complete(world.NowMicroseconds);
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
                waiter.WaitId, waiter.Operation.Id, waiter.Operation.Kind, "guest_mode", name, LockMode.Write, world.NowMicroseconds - waiter.SinceMicroseconds,
                fault.IsNone ? [] : [new WaitBlocker(fault, OperationKind.Fault, LockMode.Write, Queued: false)]));
    }

    private Waiter NewWaiter(Operation op) =>
        new(world) { WaitId = ++_nextWaitId, Operation = op, Mode = LockMode.Write, SinceMicroseconds = world.NowMicroseconds };
}
