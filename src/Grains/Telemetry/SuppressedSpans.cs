namespace Livebed.Grains.Telemetry;

/// <summary>What can keep a span from being recorded.</summary>
public enum SpanLimit
{
    /// <summary>Spans that a silo makes after the fact in a second.</summary>
    Rate,

    /// <summary>Spans of one trace.</summary>
    TraceBudget,

    /// <summary>Operations with a recorded trace at one actor.</summary>
    Operations,
}

/// <summary>
/// Spans that a limit kept out, of one silo or of the driver since its run began. The metric beside it is of the process, which silos may
/// share. Safe from any thread.
/// </summary>
public sealed class SuppressedSpans
{
    private static readonly KeyValuePair<string, object?>[] _reasons =
        [new(AttributeNames.Reason, "rate"), new(AttributeNames.Reason, "trace-budget"), new(AttributeNames.Reason, "operations")];

    private readonly long[] _counts = new long[_reasons.Length];

    public long Of(SpanLimit limit) => Interlocked.Read(ref _counts[(int)limit]);

    /// <summary>Those that were kept out, by the limit.</summary>
    public IReadOnlyDictionary<SpanLimit, long> Read() =>
        Enum.GetValues<SpanLimit>().Where(limit => Of(limit) > 0).ToDictionary(limit => limit, Of);

    internal void Add(SpanLimit limit)
    {
        Interlocked.Increment(ref _counts[(int)limit]);
        LivebedTelemetry.SpansSuppressed.Add(1, _reasons[(int)limit]);
    }

    /// <summary>Another run begins.</summary>
    internal void Clear() => Array.Clear(_counts);
}
