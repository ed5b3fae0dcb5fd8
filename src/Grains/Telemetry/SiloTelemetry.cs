using System.Diagnostics;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Checks;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// What the actors of one silo share: its name, its thresholds and its allowance of promoted spans. A service of the silo; each actor
/// asks it for an observer of its own. Safe from any thread.
/// </summary>
public sealed class SiloTelemetry(string silo, TelemetryThresholds thresholds, TimeProvider time)
{
    private static readonly KeyValuePair<string, object?> OverRate = new(AttributeNames.Reason, "rate");
    private readonly TokenBucket _promotions = new(thresholds.PromotedPerSecond, time);

    public string Silo { get; } = silo;
    public TelemetryThresholds Thresholds { get; } = thresholds;
    internal TimeProvider Time { get; } = time;

    /// <summary>An observer for the actor with this key; <paramref name="onViolation"/> is told of every violation, on the actor's turn, and
    /// <paramref name="onGuestRuns"/> of every start and stop of a migrating VM's guest.</summary>
    public TelemetryObserver Observe(string actor, Action<Violation> onViolation, Action<GuestRunsEntry>? onGuestRuns = null) =>
        new(this, actor, onViolation, onGuestRuns);

    /// <summary>
    /// Whether a span that was started for a single event may stay. Asked after sampling, so that events of unsampled traces do not use
    /// up the allowance; one that may not is taken out of the trace again and counted.
    /// </summary>
    internal bool Admit(Activity? span)
    {
        if (span is null) return false;
        if (span.Recorded && _promotions.TryTake()) return true;
        if (span.Recorded) LivebedTelemetry.SpansSuppressed.Add(1, OverRate);
        span.ActivityTraceFlags &= ~ActivityTraceFlags.Recorded;
        span.IsAllDataRequested = false;
        span.Dispose();
        return false;
    }
}
