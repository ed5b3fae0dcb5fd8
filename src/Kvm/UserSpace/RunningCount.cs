#pragma warning disable RS0030 // reports its footprint by hand
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// Counts the pieces of work of one kind that are under way in user space, and waits until there are none (like QEMU's <c>bdrv_drain</c>).
/// More may begin during the wait, which then continues, so its caller first stops new ones.
/// </summary>
internal sealed class RunningCount(IWorld world)
{
    private readonly List<Waiter> _waiting = [];
    private readonly Place _place = new(world);
    private int _running;

    public void Begin()
    {
        _place.Writes();
        _running++;
    }

    public void End()
    {
        _place.Writes();
        if (--_running > 0) return;
        foreach (var waiter in _waiting) waiter.Complete(world.NowMicroseconds);
        _waiting.Clear();
    }

    /// <summary>Returns when nothing is under way.</summary>
    public async ValueTask DrainAsync(Operation op)
    {
        for (_place.Reads(); _running > 0; _place.Reads())
        {
            var waiter = new Waiter(world)
            {
                WaitId = 0,
                Operation = op,
                Mode = LockMode.Write,
                SinceMicroseconds = world.NowMicroseconds,
            };
            _place.Writes();
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
