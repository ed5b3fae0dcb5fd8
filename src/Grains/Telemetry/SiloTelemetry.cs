using Livebed.Grains.Contracts;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// What the actors of one silo share: its name, its thresholds and its allowance of promoted spans. A service of the silo; each actor
/// asks it for an observer of its own. Safe from any thread.
/// </summary>
public sealed class SiloTelemetry(string silo, TelemetryThresholds thresholds, TimeProvider time)
{
    private readonly TokenBucket _promotions = new(thresholds.PromotedPerSecond, time);

    public string Silo { get; } = silo;

    /// <summary>A run may have others than the silo began with.</summary>
    public TelemetryThresholds Thresholds { get; set; } = thresholds;

    /// <summary>What its limits kept out, in the run that it serves.</summary>
    public SuppressedSpans Suppressed { get; } = new();

    internal TimeProvider Time { get; } = time;

    /// <summary>How long things took at its actors.</summary>
    public SiloLatencies Latencies { get; } = new(time);

    /// <summary>How long the silo ran and stood still.</summary>
    public RunningClock Running { get; } = new();

    /// <summary>An observer for the actor with this key; <paramref name="onViolation"/> is told of every violation, on the actor's turn,
    /// and <paramref name="onGuestRuns"/> of every start and stop of a migrating VM's guest.</summary>
    public TelemetryObserver Observe(string actor, Action<Violation> onViolation, Action<GuestRunsEntry>? onGuestRuns = null) =>
        new(this, actor, onViolation, onGuestRuns);

    /// <summary>Whether one more span may be made after the fact; one that may not is counted.</summary>
    internal bool TryPromote()
    {
        if (_promotions.TryTake()) return true;
        Suppressed.Add(SpanLimit.Rate);
        return false;
    }
}

/// <summary>
/// Lets <paramref name="perSecond"/> events a second through, with bursts of as many after a quiet second. On its own clock instead of
/// a timer, which is why it is not System.Threading.RateLimiting's: a silo that promotes nothing does nothing. Safe from any thread.
/// </summary>
public sealed class TokenBucket(int perSecond, TimeProvider time)
{
    private readonly Lock _lock = new();
    private double _tokens = perSecond;
    private long _refilled = time.GetTimestamp();

    public bool TryTake()
    {
        lock (_lock)
        {
            var now = time.GetTimestamp();
            // The clock of a silo may be set between two runs, also back.
            var elapsed = Math.Max(0, time.GetElapsedTime(_refilled, now).TotalSeconds);
            _tokens = Math.Min(perSecond, _tokens + elapsed * perSecond);
            _refilled = now;
            if (_tokens < 1) return false;
            _tokens--;
            return true;
        }
    }
}
