namespace Livebed.Explorer.Scheduling;

/// <summary>A continuation that may run now, and the lane it belongs to. Its callback is an <c>Action&lt;object&gt;</c> (from a point of
/// the world) or a <see cref="SendOrPostCallback"/> (posted by an awaited lock); kept as it is, so that no step allocates.</summary>
public readonly struct ReadyLane
{
    private readonly Delegate? _callback;
    private readonly object? _state;

    internal ReadyLane(Lane lane, StepCause cause, Delegate? callback, object? state)
    {
        Lane = lane;
        Cause = cause;
        _callback = callback;
        _state = state;
    }

    public Lane Lane { get; }
    public StepCause Cause { get; }

    internal void Run()
    {
        if (_callback is Action<object?> action) action(_state);
        else ((SendOrPostCallback)_callback!)(_state);
    }
}
