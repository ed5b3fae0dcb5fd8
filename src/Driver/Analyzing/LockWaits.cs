using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// Who waited for whom: waits that became spans, summed by lock, waiting and holding kind of operation (as `perf lock contention` sums by
/// caller), the longest of them, and chains of them: what one waited for was itself waiting, perhaps on another silo.
/// </summary>
internal sealed class LockWaits
{
    /// <summary>The longest waits that are kept for chains and for the list; the sums have all.</summary>
    private const int KeptMax = 50_000;

    private const int PairsMax = 10_000;

    /// <summary>A longer chain is a circle, or no news.</summary>
    private const int ChainMax = 16;

    private readonly Dictionary<(string Class, string Mode, string Waiter, string Holder), LockPair> _pairs = [];
    private readonly PriorityQueue<WaitFor, double> _longest = new();

    /// <summary>Sums that had no room.</summary>
    public long PairsDropped { get; private set; }

    public IReadOnlyList<LockPair> Pairs => [.. _pairs.Values.OrderByDescending(pair => pair.Total)];

    public IReadOnlyList<WaitFor> Longest(int count) =>
        [.. _longest.UnorderedItems.Select(entry => entry.Element).OrderByDescending(wait => wait.Microseconds).Take(count)];

    public void Add(SpanRecord span)
    {
        var wait = WaitFor.From(span);
        var key = (wait.Class, wait.Mode, wait.WaiterKind, wait.HolderKind);
        if (!_pairs.TryGetValue(key, out var pair))
        {
            if (_pairs.Count >= PairsMax) PairsDropped++;
            else _pairs[key] = pair = new LockPair(wait.Class, wait.Mode, wait.WaiterKind, wait.HolderKind);
        }

        pair?.Add(wait);
        if (_longest.Count < KeptMax) _longest.Enqueue(wait, wait.Microseconds);
        else if (wait.Microseconds > _longest.Peek().Microseconds) _longest.EnqueueDequeue(wait, wait.Microseconds);
    }

    /// <summary>Chains of at least two waits, the longest time first; none is a part of another.</summary>
    public IReadOnlyList<IReadOnlyList<WaitFor>> Chains(int count)
    {
        var byWaiter = _longest.UnorderedItems.Select(entry => entry.Element).GroupBy(wait => wait.Waiter)
            .ToDictionary(waits => waits.Key, waits => waits.ToList());
        var chains = byWaiter.Values.SelectMany(waits => waits).Select(wait => ChainOf(wait, byWaiter))
            .Where(chain => chain.Count > 1).OrderByDescending(chain => chain.Count).ThenByDescending(chain => chain[0].Microseconds);
        var (shown, inside) = (new List<IReadOnlyList<WaitFor>>(), new HashSet<WaitFor>());
        foreach (var chain in chains)
        {
            if (shown.Count == count) break;
            if (inside.Contains(chain[0])) continue;
            shown.Add(chain);
            inside.UnionWith(chain);
        }

        return shown;
    }

    private static List<WaitFor> ChainOf(WaitFor first, Dictionary<string, List<WaitFor>> byWaiter)
    {
        var chain = new List<WaitFor> { first };
        while (chain.Count < ChainMax && byWaiter.TryGetValue(chain[^1].Holder, out var candidates))
        {
            var last = chain[^1];
            var next = candidates.Where(wait => wait.Start < last.End && wait.End > last.Start && !chain.Contains(wait))
                .MaxBy(wait => Math.Min(wait.End, last.End) - Math.Max(wait.Start, last.Start));
            if (next is null) break;
            chain.Add(next);
        }

        return chain;
    }
}

/// <summary>One wait of one operation for another; times in microseconds.</summary>
internal sealed record WaitFor(
    string Class, string Mode, string Lock, string Waiter, string WaiterKind, string Holder, string HolderKind, string Silo,
    double Start, double End, string TraceId)
{
    public double Microseconds => End - Start;

    public static WaitFor From(SpanRecord span) => new(
        span.Attributes.Text(AttributeNames.LockClass) ?? "unknown", span.Attributes.Text(AttributeNames.LockMode) ?? "write",
        span.Attributes.Text(AttributeNames.LockInstance) ?? "", span.Attributes.Text(AttributeNames.OperationId) ?? "",
        span.Attributes.Text(AttributeNames.OperationKind) ?? "unknown", span.Attributes.Text(AttributeNames.LockHolder) ?? "",
        span.Attributes.Text(AttributeNames.LockHolderKind) ?? "unknown", span.Instance, span.Start, span.End, span.TraceId);
}

/// <summary>All waits of one kind of operation for another, at one class of lock.</summary>
internal sealed class LockPair(string lockClass, string mode, string waiter, string holder)
{
    public string Class { get; } = lockClass;
    public string Mode { get; } = mode;
    public string Waiter { get; } = waiter;
    public string Holder { get; } = holder;
    public long Count { get; private set; }
    public double Total { get; private set; }
    public double Max { get; private set; }

    /// <summary>The trace of the longest.</summary>
    public string TraceId { get; private set; } = "";

    public void Add(WaitFor wait)
    {
        Count++;
        Total += wait.Microseconds;
        if (wait.Microseconds < Max) return;
        (Max, TraceId) = (wait.Microseconds, wait.TraceId);
    }
}
