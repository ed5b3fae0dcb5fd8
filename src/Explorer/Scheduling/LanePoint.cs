using System.Threading.Tasks.Sources;

namespace Livebed.Explorer.Scheduling;

/// <summary>A pooled wait of one lane at a scheduling point or for a time; awaited exactly once.</summary>
internal sealed class LanePoint(VirtualWorld world) : IValueTaskSource
{
    private short _version;
    private bool _awaited;
    private StepCause _cause;
    private long _due;
    private bool _parks;

    /// <summary>Another point without a waiter; the world's pool is a chain of them.</summary>
    public LanePoint? NextSpare { get; set; }

    /// <summary>A wait for the next turn, with <paramref name="due"/> above 0 for that time, with <paramref name="parks"/> for a step of
    /// another lane.</summary>
    public ValueTask Wait(StepCause cause, long due, bool parks = false)
    {
        (_cause, _due, _parks, _awaited) = (cause, due, parks, false);
        return new ValueTask(this, _version);
    }

    public ValueTaskSourceStatus GetStatus(short token) => _awaited ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        _awaited = true;
        var ready = new ReadyLane(world.Current!, _cause, continuation, state);
        if (_due > 0) world.AddTimer(ready, _due);
        else if (_parks) world.AddRetrying(ready);
        else world.MakeReady(ready);
    }

    public void GetResult(short token)
    {
        if (token != _version) throw new InvalidOperationException("a scheduling point was awaited twice");
        _version++;
        world.Return(this);
    }
}
