using System.Collections.Immutable;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.UserSpace;

/// <summary>
/// Counts the pieces of work of one kind that are under way in user space, and waits until there are none (like QEMU's <c>bdrv_drain</c>).
/// More may begin during the wait, which then continues, so its caller first stops new ones.
/// </summary>
internal sealed class RunningCount
{
    private readonly IWorld _world;

    // Replaced and never changed: a process has several of these, and few are ever waited for.
    private Tracked<ImmutableArray<Waiter>> _waiting;
    private Tracked<int> _running;

    public RunningCount(IWorld world)
    {
        _world = world;
        var place = new Place(world);
        (_waiting, _running) = (new Tracked<ImmutableArray<Waiter>>(place, []), new Tracked<int>(place));
    }

    public void Begin() => _running.Value++;

    public void End()
    {
        if (--_running.Value > 0) return;
        foreach (var waiter in _waiting.Value) waiter.Complete(_world.NowMicroseconds);
        _waiting.Value = [];
    }

    /// <summary>Returns when nothing is under way.</summary>
    public async ValueTask DrainAsync(Operation op)
    {
        while (_running.Value > 0)
        {
            var waiter = new Waiter(_world)
            {
                WaitId = 0,
                Operation = op,
                Mode = LockMode.Write,
                SinceMicroseconds = _world.NowMicroseconds,
            };
            _waiting.Value = _waiting.Value.Add(waiter);
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
