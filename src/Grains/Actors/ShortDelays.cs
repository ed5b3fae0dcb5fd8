using Livebed.Grains.Telemetry;

namespace Livebed.Grains.Actors;

/// <summary>
/// Delays that are too short for a timer, of all actors of the process, since they share its processors. As long as there is one, one work
/// item goes through the thread pool over and over and ends those whose time has come. So they keep one processor busy at most, however
/// many there are, and all else has its turn in between. Safe from any thread.
/// </summary>
internal sealed class ShortDelays(TimeProvider time) : IThreadPoolWorkItem
{
    private readonly Lock _gate = new();
    private readonly PriorityQueue<Sleeper, long> _queue = new();
    private bool _isWatched;

    public static ShortDelays OfProcess { get; } = new(TimeProvider.System);

    /// <summary>A processor is busy with it.</summary>
    internal bool IsWatched
    {
        get
        {
            lock (_gate) return _isWatched;
        }
    }

    /// <summary>Returns when at least so much time has passed.</summary>
    public ValueTask DelayAsync(long microseconds)
    {
        var sleeper = new Sleeper();
        var delay = sleeper.Begin();
        lock (_gate)
        {
            _queue.Enqueue(sleeper, time.MonotonicMicroseconds() + microseconds + 1);
            if (_isWatched) return delay;
            _isWatched = true;
        }

        Look();
        return delay;
    }

    void IThreadPoolWorkItem.Execute()
    {
        var now = time.MonotonicMicroseconds();
        lock (_gate)
        {
            while (_queue.TryPeek(out var sleeper, out var due) && due <= now)
            {
                _queue.Dequeue();
                sleeper.Wake();
            }

            if (_queue.Count == 0)
            {
                _isWatched = false;
                return;
            }
        }

        Look();
    }

    /// <summary>At the end of the pool's common queue.</summary>
    private void Look() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
}
