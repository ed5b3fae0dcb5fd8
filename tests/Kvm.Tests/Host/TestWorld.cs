using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

/// <summary>
/// A one-threaded world with virtual time: a SynchronizationContext that runs its queue until the test is done. Without a seed, scheduling
/// points do not yield and the queue is first in, first out. With a seed every point yields, and the seed draws the next continuation. Time
/// passes only when nothing is ready. When nothing can happen any more, or too much did, the test fails as hung.
/// </summary>
internal sealed class TestWorld(ulong? seed = null) : SynchronizationContext, IWorld
{
    private const int StepsMax = 2_000_000;

    private readonly List<Action> _ready = [];
    private readonly PriorityQueue<TaskCompletionSource, (long Due, long Order)> _timers = new();
    private readonly SeededRandom? _random = seed is { } given ? new SeededRandom(given) : null;
    private long _order;

    public NullObserver Recorded { get; } = new();
    public IModelObserver Observer => Recorded;
    public long NowMicroseconds { get; private set; }

    public void Start(string name, Func<ValueTask> body) => _ready.Add(() => _ = body().AsTask());

    public ValueTask PointAsync(SchedulingPoint point)
    {
        if (_random is null) return ValueTask.CompletedTask;
        var turn = new TaskCompletionSource();
        _ready.Add(turn.SetResult);
        return new ValueTask(turn.Task);
    }

    public ValueTask DelayAsync(long microseconds)
    {
        if (microseconds == 0) return ValueTask.CompletedTask;
        var timer = new TaskCompletionSource();
        _timers.Enqueue(timer, (NowMicroseconds + microseconds, _order++));
        return new ValueTask(timer.Task);
    }

    public override void Post(SendOrPostCallback d, object? state) => _ready.Add(() => d(state));

    public void Run(Func<Task> body)
    {
        var before = Current;
        SetSynchronizationContext(this);
        try
        {
            var task = body();
            for (var steps = 0; !task.IsCompleted; steps++)
            {
                if (steps == StepsMax) throw new InvalidOperationException($"the test is livelocked: not done after {StepsMax} steps");
                Step();
            }

            task.GetAwaiter().GetResult();
        }
        finally
        {
            SetSynchronizationContext(before);
        }
    }

    private void Step()
    {
        if (_ready.Count > 0)
        {
            var index = _random?.Next(_ready.Count) ?? 0;
            var action = _ready[index];
            _ready.RemoveAt(index);
            action();
            return;
        }

        if (!_timers.TryDequeue(out var timer, out var when))
            throw new InvalidOperationException("the test hangs: nothing is ready and no time-out is due");
        NowMicroseconds = Math.Max(NowMicroseconds, when.Due);
        timer.SetResult();
    }
}
