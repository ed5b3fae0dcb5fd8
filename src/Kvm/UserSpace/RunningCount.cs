using System.Collections.Immutable;
using Livebed.Kvm.Checks;
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
    private readonly bool _wakesOne;

    // Replaced and never changed: a process has several of these, and few are ever waited for.
    private Tracked<ImmutableArray<Waiter>> _waiting;
    private Tracked<int> _running;

    /// <param name="world">the world</param>
    /// <param name="mutant">of the VM; null: none</param>
    public RunningCount(IWorld world, Mutant? mutant = null)
    {
        _world = world;
        _wakesOne = mutant == Mutant.DrainWakesOne;
        var place = new Place(world);
        (_waiting, _running) = (new Tracked<ImmutableArray<Waiter>>(place, []), new Tracked<int>(place));
    }

    public bool IsAny => _running.Value > 0;

    public void Begin() => _running.Value++;

    public void End()
    {
        if (--_running.Value > 0) return;
        var woken = _wakesOne ? _waiting.Value[..Math.Min(1, _waiting.Value.Length)] : _waiting.Value;
        foreach (var waiter in woken) waiter.Complete(_world.NowMicroseconds);
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
