using System.Runtime.CompilerServices;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// An event that happens once and that lanes wait for: the end of another lane, the last command of a VM. A task does not work here:
/// completing it runs its waiters in the completing lane.
/// </summary>
public sealed class Latch : ICriticalNotifyCompletion
{
    private readonly VirtualWorld _world;
    private Tracked<bool> _isCompleted;

    [Untracked("each waits for itself; the lane that completes the latch is ordered before them all")]
    private List<ReadyLane>? _waiting;

    internal Latch(VirtualWorld world) => (_world, _isCompleted) = (world, new Tracked<bool>(world));

    public bool IsCompleted => _isCompleted.Value;

    public Latch GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        // Code that runs as one step cannot wait; the world reports that.
        if (_world.Current is { } lane)
            (_waiting ??= []).Add(new ReadyLane(lane, StepCause.Wake, (Action<object?>)(static state => ((Action)state!)()), continuation));
    }

    /// <summary>The event has happened: waiters become ready, in order of arrival. Further calls have no effect.</summary>
    internal void Complete()
    {
        if (IsCompleted) return;
        _isCompleted.Value = true;
        if (_waiting is null) return;
        foreach (var ready in _waiting) _world.MakeReady(ready);
        _waiting = null;
    }
}
