using System.Collections.Concurrent;
using HdrHistogram;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>The driver's own record of the load: latencies by operation, operations that were not started, unknown outcomes, and its part
/// of the history. Safe from any thread.</summary>
internal sealed class LoadLedger(HistoryWriter history, RunClock clock)
{
    public const string DriverSilo = "driver";

    /// <summary>The first record of a history: which build wrote it.</summary>
    public static HistoryRecord Build { get; } = new(
        0, DriverSilo, DriverSilo, HistoryType.Info, OperationKind.None, default, ModelIdentity.Line);

    private const int FailuresMax = 16;

    private readonly ConcurrentDictionary<string, LongHistogram> _latencies = new();
    private readonly ConcurrentDictionary<string, OperationLoad> _loads = new();
    private readonly ConcurrentDictionary<OperationId, byte> _live = new();
    private readonly ConcurrentQueue<string> _failures = new();

    /// <summary>Exceptions that no operation should see, one line each, at most 16.</summary>
    public IReadOnlyCollection<string> Failures => _failures;

    public IReadOnlyCollection<OperationId> LiveOperations => (IReadOnlyCollection<OperationId>)_live.Keys;

    public long NowMicroseconds => clock.NowMicroseconds;

    /// <summary>Forgets what was counted so far; nothing is under way.</summary>
    public void CountAnew()
    {
        _latencies.Clear();
        _loads.Clear();
    }

    /// <summary>So many operations of a source were due and could not be started.</summary>
    public void NotStarted(string source, long count = 1) => Add(source, new(count, 0, 0));

    /// <summary>An operation of a source was due and is under way.</summary>
    public void Started(string source) => Add(source, new(1, 1, 0));

    /// <summary>An operation of a source has ended with an answer.</summary>
    public void Completed(string source, OperationKind kind, long microseconds)
    {
        Add(source, new(0, 0, 1));
        var histogram = _latencies.GetOrAdd(kind.Name, _ => LatencyHistogram.Empty());
        lock (histogram) histogram.RecordValue(Math.Clamp(microseconds, 0, histogram.HighestTrackableValue));
    }

    public void Unknown(OperationKind kind, Exception exception)
    {
        if (exception is not TimeoutException) Broken(kind, exception);
    }

    public void Broken(OperationKind kind, Exception exception)
    {
        if (_failures.Count < FailuresMax)
            _failures.Enqueue($"{kind.Name}: {exception.GetType().Name}: {OneLine.Of(exception.Message)}");
    }

    public void Record(Operation op, HistoryType type, string? value)
    {
        if (type == HistoryType.Invoke) _live[op.Id] = 0;
        else _live.TryRemove(op.Id, out _);
        var now = NowMicroseconds;
        history.Append(DriverSilo, [new HistoryRecord(now, DriverSilo, DriverSilo, type, op.Kind, op.Id, value)], now);
    }

    /// <summary>By source: what was due, started and done.</summary>
    public IReadOnlyDictionary<string, OperationLoad> Loads() =>
        new SortedDictionary<string, OperationLoad>(_loads, StringComparer.Ordinal);

    public SortedDictionary<string, LatencySummary> Latencies()
    {
        var summaries = new SortedDictionary<string, LatencySummary>(StringComparer.Ordinal);
        foreach (var (name, histogram) in _latencies)
            lock (histogram)
                summaries[name] = LatencySummary.From(histogram);
        return summaries;
    }

    private void Add(string source, OperationLoad load) => _loads.AddOrUpdate(source, load, (_, sum) => sum + load);

    public IReadOnlyList<OperationProgress> Progress()
    {
        // A source of several kinds has a name of its own, under which only what was not started is known.
        var (latencies, loads) = (Latencies(), Loads());
        return [
            .. latencies.Keys.Union(loads.Keys).Order(StringComparer.Ordinal).Select(name =>
            {
                var latency = latencies.GetValueOrDefault(name, LatencySummary.Empty);
                return new OperationProgress(name, latency.Count, loads.GetValueOrDefault(name)?.NotStarted ?? 0, latency.P99);
            }),
        ];
    }
}
