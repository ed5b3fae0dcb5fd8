using System.Runtime.CompilerServices;

namespace Livebed.Explorer.Scheduling;

/// <summary>
/// Something that happens once and that lanes wait for: the end of another lane, the last command of a VM. A task would not do: whoever
/// completes one runs what waits for it, in a lane that is not its own.
/// </summary>
public sealed class Latch : ICriticalNotifyCompletion
{
    private readonly VirtualWorld _world;
    private List<ReadyLane>? _waiting;

    internal Latch(VirtualWorld world) => _world = world;

    public bool IsCompleted { get; private set; }

    public Latch GetAwaiter() => this;

    public void GetResult()
    {
    }

    public void OnCompleted(Action continuation) => UnsafeOnCompleted(continuation);

    public void UnsafeOnCompleted(Action continuation)
    {
        // In what is done as one step nobody can be waited for, which the world says.
        if (_world.Current is { } lane)
            (_waiting ??= []).Add(new ReadyLane(lane, StepCause.Wake, (Action<object?>)(static state => ((Action)state!)()), continuation));
    }

    /// <summary>It has happened: who waits becomes ready, in order of coming. More than once is the same as once.</summary>
    internal void Complete()
    {
        if (IsCompleted) return;
        IsCompleted = true;
        if (_waiting is null) return;
        foreach (var ready in _waiting) _world.MakeReady(ready);
        _waiting = null;
    }
}
