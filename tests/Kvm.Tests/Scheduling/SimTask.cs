namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>
/// One actor of a simulated world: a chain of continuations. It is also the synchronization context under which they run, which is how a
/// lock that grants itself to a waiter finds whose continuation it is.
/// </summary>
internal sealed class SimTask(SimWorld world, int id, string name) : SynchronizationContext
{
    private readonly TaskCompletionSource _completion = new();

    /// <summary>0, 1, 2, ... in order of spawning.</summary>
    public int Id { get; } = id;

    public string Name { get; } = name;

    /// <summary>Awaited inside the world only; completes also when the task failed, which the run's result tells.</summary>
    public Task Completion => _completion.Task;

    public bool IsDone => _completion.Task.IsCompleted;

    public override void Post(SendOrPostCallback d, object? state) => world.MakeReady(new SimReady(this, SimCause.Wake, d, state));

    public override void Send(SendOrPostCallback d, object? state) => throw new NotSupportedException("there is one thread, and it is running");

    public override SynchronizationContext CreateCopy() => this;

    internal void Complete() => _completion.SetResult();

    public override string ToString() => $"{Name} (task {Id})";
}
