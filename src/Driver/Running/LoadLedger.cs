using System.Collections.Concurrent;
using Livebed.Driver.Errors;
using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Driver.Terminal;
using Livebed.Grains.Contracts;
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

    /// <summary>Operations without an end that are drawn.</summary>
    private const int UnendedMax = 100;

    private readonly ConcurrentDictionary<string, KindLatency> _latencies = new();
    private readonly ConcurrentDictionary<string, OperationLoad> _loads = new();
    private readonly ConcurrentDictionary<OperationId, (OperationKind Kind, long Since)> _live = new();
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
    /// <param name="source">which source</param>
    /// <param name="op">the operation</param>
    /// <param name="microseconds">since it was due</param>
    /// <param name="value">what came of it</param>
    public void Completed(string source, Operation op, long microseconds, string? value)
    {
        Add(source, new(0, 0, 1));
        _latencies.GetOrAdd(op.Kind.Name, name => new KindLatency(name)).Add(op, microseconds, NowMicroseconds, value);
    }

    public void Unknown(OperationKind kind, Exception exception)
    {
        if (exception is not (TimeoutException or SiloKilledException)) Broken(kind, exception);
    }

    public void Broken(OperationKind kind, Exception exception)
    {
        if (_failures.Count < FailuresMax)
            _failures.Enqueue($"{kind.Name}: {exception.GetType().Name}: {OneLine.Of(exception.Message)}");
    }

    public void Record(Operation op, HistoryType type, string? value)
    {
        var now = NowMicroseconds;
        if (type == HistoryType.Invoke) _live[op.Id] = (op.Kind, now);
        else _live.TryRemove(op.Id, out _);
        history.Append(DriverSilo, [new HistoryRecord(now, DriverSilo, DriverSilo, type, op.Kind, op.Id, value)], now);
    }

    /// <summary>By source: what was due, started and done.</summary>
    public IReadOnlyDictionary<string, OperationLoad> Loads() =>
        new SortedDictionary<string, OperationLoad>(_loads, StringComparer.Ordinal);

    public SortedDictionary<string, LatencySummary> Latencies()
    {
        var summaries = new SortedDictionary<string, LatencySummary>(StringComparer.Ordinal);
        foreach (var (name, latency) in _latencies) summaries[name] = latency.Summary;
        return summaries;
    }

    /// <summary>By kind of operation.</summary>
    public IReadOnlyList<ChartLatency> Distributions() =>
        [.. _latencies.Values.OrderBy(latency => latency.Name, StringComparer.Ordinal).Select(latency => latency.Distribution)];

    /// <summary>The operations of each kind that took longest, and those that have not ended, by the run's clock.</summary>
    public IReadOnlyList<ChartBar> Longest()
    {
        var now = NowMicroseconds;
        var unended = _live.OrderBy(entry => entry.Value.Since).Take(UnendedMax).Select(entry => new ChartBar(
            entry.Value.Kind.Name, entry.Value.Since, now, KindLatency.Bar, $"{entry.Key} has not ended"));
        return [.. _latencies.Values.SelectMany(latency => latency.Longest), .. unended];
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
