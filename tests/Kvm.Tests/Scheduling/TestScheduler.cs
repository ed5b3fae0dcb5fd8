using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Scheduling;

/// <summary>
/// One thread, one queue: continuations run when the test says so, in order of becoming ready, or, given a random source, in an order
/// that its seed decides. A test therefore sees the moment between "woken" and "runs", which no thread pool lets it see.
/// </summary>
internal sealed class TestScheduler(SeededRandom? random = null) : SynchronizationContext
{
    private const int MaxSteps = 1_000_000;
    private readonly List<(SendOrPostCallback Callback, object? State)> _ready = [];

    public override void Post(SendOrPostCallback d, object? state) => _ready.Add((d, state));

    public override void Send(SendOrPostCallback d, object? state) =>
        throw new NotSupportedException("there is one thread, and it is running");

    /// <summary>Runs <paramref name="body"/> up to its first wait.</summary>
    public Task Start(Func<Task> body)
    {
        Task? task = null;
        Inside(() => task = body());
        return task!;
    }

    /// <summary>Runs an acquisition up to its first wait.</summary>
    public Task Start(Func<ValueTask> body) => Start(() => body().AsTask());

    /// <summary>Runs what is ready, and what that makes ready, until nothing is. Fails the test if that never ends.</summary>
    public void Pump() => Inside(() =>
    {
        for (var step = 0; _ready.Count > 0; step++)
        {
            Assert.True(step < MaxSteps, "the schedule does not come to rest");
            var next = random is null ? 0 : random.Next(_ready.Count);
            var (callback, state) = _ready[next];
            _ready.RemoveAt(next);
            callback(state);
        }
    });

    /// <summary>A task that is completed by the scheduler: the caller goes on after what is ready by now.</summary>
    public async ValueTask YieldAsync()
    {
        Assert.Same(this, Current);
        await Task.Yield();
    }

    private void Inside(Action action)
    {
        var outer = Current;
        SetSynchronizationContext(this);
        try
        {
            action();
        }
        finally
        {
            SetSynchronizationContext(outer);
        }
    }
}
