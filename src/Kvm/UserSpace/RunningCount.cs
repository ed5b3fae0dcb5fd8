using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// Counts the pieces of work of one kind that are under way in user space, and waits until there are none (like QEMU's <c>bdrv_drain</c>).
/// More may begin during the wait, which then continues, so its caller first stops new ones.
/// </summary>
internal sealed class RunningCount(IWorld world)
{
    private readonly TrackedList<Waiter> _waiting = new(world);
    private Tracked<int> _running = new(world);

    public void Begin() => _running.Value++;

    public void End()
    {
        if (--_running.Value > 0) return;
        foreach (var waiter in _waiting) waiter.Complete(world.NowMicroseconds);
        _waiting.Clear();
    }

    /// <summary>Returns when nothing is under way.</summary>
    public async ValueTask DrainAsync(Operation op)
    {
        while (_running.Value > 0)
        {
            var waiter = new Waiter(world)
            {
                WaitId = 0,
                Operation = op,
                Mode = LockMode.Write,
                SinceMicroseconds = world.NowMicroseconds,
            };
            _waiting.Add(waiter);
            await waiter.Task;
        }
    }

    /// <summary>Does a piece of work that counts.</summary>
    public async ValueTask<T> RunAsync<T>(Func<ValueTask<T>> work)
    {
        Begin();
        try
        {
            return await work();
        }
        finally
        {
            End();
        }
    }
}
