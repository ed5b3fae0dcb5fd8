using System.Diagnostics;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// How many spans this process adds to one trace: a viewer cannot draw ten thousand, and a storm of retries must not bury its own cause.
/// Remembers the most recent traces in two generations of bounded size; a trace that falls out and comes back starts afresh, which can
/// only happen with thousands of sampled traces at once. Safe from any thread.
/// </summary>
internal sealed class TraceBudget(int spansPerTrace, int tracesPerGeneration = 2_048)
{
    private readonly Lock _lock = new();
    private Dictionary<ActivityTraceId, int> _recent = [];
    private Dictionary<ActivityTraceId, int> _older = [];

    public bool TryTake(ActivityTraceId trace)
    {
        lock (_lock)
        {
            if (!_recent.TryGetValue(trace, out var used))
            {
                _older.Remove(trace, out used);
                if (_recent.Count >= tracesPerGeneration) (_older, _recent) = (_recent, []);
            }

            if (used >= spansPerTrace)
            {
                _recent[trace] = used;
                return false;
            }

            _recent[trace] = used + 1;
            return true;
        }
    }
}
