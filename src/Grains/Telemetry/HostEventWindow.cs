using System.Diagnostics;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// The last host memory events that an actor saw, with the time each was there: what a retried fault was up against. Sixteen are kept;
/// an older one is forgotten even if it is still going on. Confined to its actor.
/// </summary>
internal sealed class HostEventWindow
{
    private const int Kept = 16;
    private readonly Entry[] _entries = new Entry[Kept];
    private long _count;

    /// <returns>the number of this event, to say when it ends</returns>
    public long Begin(OperationId operation, ActivityContext context)
    {
        var number = ++_count;
        _entries[number % Kept] = new Entry(number, operation, context, long.MaxValue);
        return number;
    }

    public void End(long number, long nowMicroseconds)
    {
        ref var entry = ref _entries[number % Kept];
        if (entry.Number == number) entry.EndMicroseconds = nowMicroseconds;
    }

    /// <summary>Events that were there at some time since <paramref name="sinceMicroseconds"/>, newest first.</summary>
    public IEnumerable<(OperationId Operation, ActivityContext Context)> Since(long sinceMicroseconds)
    {
        for (var number = _count; number > Math.Max(0, _count - Kept); number--)
        {
            var entry = _entries[number % Kept];
            if (entry.EndMicroseconds >= sinceMicroseconds) yield return (entry.Operation, entry.Context);
        }
    }

    private record struct Entry(long Number, OperationId Operation, ActivityContext Context, long EndMicroseconds);
}
