using System.Diagnostics;
using System.Diagnostics.Metrics;
using Livebed.Kvm.World;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// The project's one activity source and one meter. Both are of the process, as Orleans' are: silos that share a process share them, so
/// a process must have one listener and not one per silo, or every span would be exported once per silo. What tells the silos apart is
/// the attribute <see cref="AttributeNames.Silo"/>. Durations are whole microseconds; no metric carries a VM's name, because
/// there are thousands of them.
/// </summary>
public static class LivebedTelemetry
{
    public const string SourceName = "Livebed";

    /// <summary>1 us to 10 s in a 1-2-5 series: below come fast faults, above comes a hang.</summary>
    private static readonly InstrumentAdvice<long> Microseconds = new()
    {
        HistogramBucketBoundaries =
        [
            1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000,
            1_000_000, 2_000_000, 5_000_000, 10_000_000,
        ],
    };

    public static readonly ActivitySource Source = new(SourceName);
    public static readonly Meter Meter = new(SourceName);

    internal static readonly Histogram<long> FaultLatency = Latency(MetricNames.FaultLatency, "Guest faults, from trap to resolution");
    internal static readonly Histogram<long> LockWait = Latency(MetricNames.LockWait, "Contended lock acquisitions, from request to grant");
    internal static readonly Histogram<long> TurnWait = Latency(MetricNames.TurnWait, "Ready continuations waiting for their actor's turn");
    internal static readonly Histogram<long> OperationLatency = Latency(
        MetricNames.OperationLatency, "Operations, from intended start to outcome");

    internal static readonly Counter<long> Violations =
        Meter.CreateCounter<long>(MetricNames.Violations, "{violation}", "Checks that were violated");

    internal static readonly Counter<long> SpansSuppressed =
        Meter.CreateCounter<long>(MetricNames.SpansSuppressed, "{span}", "Spans that a limit kept from being recorded");

    /// <summary>
    /// Begins an operation: a child of the span that is current, else a root, which is sampled. The latency metric counts every
    /// operation, sampled or not.
    /// </summary>
    /// <param name="kind">what the operation does; gives the span its name</param>
    /// <param name="id">its identity over the cluster</param>
    /// <param name="lateMicroseconds">how long after its intended start it could be started; counts into the latency</param>
    /// <param name="subject">what it is about, for its span</param>
    public static OperationSpan StartOperation(
        OperationKind kind, OperationId id, long lateMicroseconds = 0, OperationSubject subject = default) =>
        new(kind, id, lateMicroseconds, subject);

    /// <summary>
    /// Starts a span that is the root of its own trace, whatever is current. Stopping it leaves nothing current, so the caller puts
    /// back what was.
    /// </summary>
    internal static Activity? StartRoot(string name, DateTimeOffset start = default)
    {
        Activity.Current = null;
        return Source.StartActivity(name, ActivityKind.Internal, parentContext: default, startTime: start);
    }

    private static Histogram<long> Latency(string name, string description) =>
        Meter.CreateHistogram(name, "us", description, tags: null, Microseconds);
}
