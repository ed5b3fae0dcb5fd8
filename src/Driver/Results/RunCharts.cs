using System.Text.Json;
using System.Text.Json.Serialization;
using HdrHistogram;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Results;

/// <summary>
/// charts.json: what report.html draws of a run beside results.json, which has only sums. Counters are totals since the measured part
/// began, read at a few hundred moments: a rate is the difference of two of them. docs/results.md has the fields.
/// </summary>
public sealed record RunCharts
{
    /// <summary>A charts.json that is longer was not written by a run: moments, series, bars and marks are bounded.</summary>
    public const long BytesMax = 64L << 20;

    private static readonly RunChartsContext _context = new(new JsonSerializerOptions(RunChartsContext.Default.Options));

    /// <summary>Of the measured part, in microseconds since the run began: history.jsonl counts from there.</summary>
    public required long BeganMicroseconds { get; init; }

    /// <summary>When the counters were read, in microseconds since the measured part began, ascending.</summary>
    public required IReadOnlyList<long> Micros { get; init; }

    /// <summary>Every series has a value for each moment.</summary>
    public required IReadOnlyList<ChartSeries> Series { get; init; }

    public required IReadOnlyList<ChartBar> Bars { get; init; }
    public required IReadOnlyList<ChartMark> Marks { get; init; }
    public required IReadOnlyList<ChartLatency> Latencies { get; init; }

    public string Write() => JsonSerializer.Serialize(this, _context.RunCharts);

    /// <exception cref="JsonException">It is not what a run writes.</exception>
    public static RunCharts Read(ReadOnlyMemory<byte> text)
    {
        var charts = InputJson.Read(text, _context.RunCharts);
        if (charts.Series.FirstOrDefault(one => one.Totals.Count != charts.Micros.Count) is { } odd)
            throw new JsonException($"the series {odd.Name} has {odd.Totals.Count} totals for {charts.Micros.Count} moments");
        return charts;
    }
}

/// <summary>A counter over time.</summary>
/// <param name="Group">what is drawn together, see <see cref="ChartGroup"/></param>
/// <param name="Name">of the VM, silo, lock, case or operation</param>
/// <param name="Totals">since the measured part began</param>
public sealed record ChartSeries(string Group, string Name, IReadOnlyList<long> Totals);

/// <summary>The groups of series.</summary>
public static class ChartGroup
{
    /// <summary>Accesses that the guest of a VM carried out.</summary>
    public const string Guests = "guests";

    /// <summary>Faults, and retries of all of them.</summary>
    public const string Faults = "faults";

    /// <summary>Retries by cause.</summary>
    public const string Retries = "retries";

    /// <summary>Operations of the driver that have ended, by kind.</summary>
    public const string Operations = "operations";

    /// <summary>Microseconds of waiting, ended and not ended, by lock class and mode, and by silo.</summary>
    public const string LockWaits = "lock-waits";

    public const string SiloWaits = "silo-waits";

    /// <summary>Microseconds for which the bed stood still.</summary>
    public const string Bed = "bed";
}

/// <summary>Something that took from a moment to another, in microseconds since the measured part began.</summary>
/// <param name="Lane">where it is drawn: a kind of operation, or a VM that migrates</param>
/// <param name="From">when an operation was due; when a migration was ordered</param>
/// <param name="To">when it ended</param>
/// <param name="Kind">operation, or the status of a migration during that time</param>
/// <param name="Text">what it was</param>
public sealed record ChartBar(string Lane, long From, long To, string Kind, string Text);

/// <summary>Something that happened at a moment, in microseconds since the measured part began: an injected fault.</summary>
public sealed record ChartMark(string Kind, long At, string Text);

/// <summary>The distribution of one latency.</summary>
/// <param name="Name">of the operation</param>
/// <param name="AtPercentiles">for each of <see cref="Percentiles"/> in microseconds, without those that so few samples cannot tell, and
/// last the longest of all</param>
public sealed record ChartLatency(string Name, IReadOnlyList<long> AtPercentiles)
{
    /// <summary>Of a histogram of microseconds.</summary>
    public static ChartLatency From(string name, HistogramBase histogram) => new(
        name,
        [
            .. Percentiles.Where(percentile => histogram.TotalCount * (100 - percentile) >= 100)
                .Select(histogram.GetValueAtPercentile), histogram.GetMaxValue(),
        ]);

    public static IReadOnlyList<double> Percentiles { get; } =
        [0, 10, 25, 50, 75, 90, 95, 98, 99, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 99.995, 99.998, 99.999];
}

/// <summary>The generated serialiser of charts.json: one line, as it is read by programs.</summary>
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    RespectNullableAnnotations = true,
    RespectRequiredConstructorParameters = true,
    AllowDuplicateProperties = false)]
[JsonSerializable(typeof(RunCharts))]
internal sealed partial class RunChartsContext : JsonSerializerContext;
