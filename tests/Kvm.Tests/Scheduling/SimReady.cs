namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>A continuation that may run now, and the actor it belongs to. <paramref name="Callback"/> is an <c>Action&lt;object&gt;</c> (from a
/// point of the world) or a <see cref="SendOrPostCallback"/> (posted by an awaited lock); kept as it is, so that no step allocates.</summary>
internal readonly record struct SimReady(SimTask Task, SimCause Cause, Delegate? Callback, object? State)
{
    public void Run()
    {
        if (Callback is Action<object?> action) action(State);
        else ((SendOrPostCallback)Callback!)(State);
    }
}
