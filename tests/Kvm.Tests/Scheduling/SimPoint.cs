using System.Threading.Tasks.Sources;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>A pooled wait of one task at a scheduling point or for a time; awaited exactly once.</summary>
internal sealed class SimPoint(SimWorld world) : IValueTaskSource
{
    private short _version;
    private bool _awaited;
    private SimCause _cause;
    private long _due;

    /// <summary>A wait for the next turn, or with <paramref name="due"/> above 0 for that time.</summary>
    public ValueTask Wait(SimCause cause, long due)
    {
        (_cause, _due, _awaited) = (cause, due, false);
        return new ValueTask(this, _version);
    }

    public ValueTaskSourceStatus GetStatus(short token) => _awaited ? ValueTaskSourceStatus.Succeeded : ValueTaskSourceStatus.Pending;

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags)
    {
        _awaited = true;
        var ready = new SimReady(world.Current!, _cause, continuation, state);
        if (_due > 0) world.AddTimer(ready, _due);
        else world.MakeReady(ready);
    }

    public void GetResult(short token)
    {
        if (token != _version) throw new InvalidOperationException("a scheduling point was awaited twice");
        _version++;
        world.Return(this);
    }
}
