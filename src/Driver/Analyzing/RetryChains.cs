using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>Faults that began again, what made them, and where that came from: fault, invalidation, host event or memslot update.</summary>
internal sealed class RetryChains
{
    private const int FaultsMax = 50_000;
    private const int InvalidationsMax = 200_000;

    private readonly List<(SpanRecord Fault, string Reason)> _faults = [];
    private readonly Dictionary<string, Source> _sources = [];
    private readonly Queue<string> _order = new();
    private readonly List<SpanRecord> _withoutSource = [];
    private long _linked;

    /// <summary>Faults with a span.</summary>
    public long Faults { get; private set; }

    /// <summary>Of those, the ones that began again.</summary>
    public long Retried { get; private set; }

    /// <summary>Times they did.</summary>
    public double Retries { get; private set; }

    /// <summary>Of the retried, those with a link to what made them, an invalidation that is in these traces too.</summary>
    public long Linked => _linked + _withoutSource.Count(fault => SourceOf(fault) is not null);

    public double SlowestMicroseconds { get; private set; }

    public void AddFault(SpanRecord fault)
    {
        Faults++;
        SlowestMicroseconds = Math.Max(SlowestMicroseconds, fault.Microseconds);
        var retries = fault.Attributes.Number(AttributeNames.FaultRetries);
        if (retries == 0) return;
        Retried++;
        Retries += retries;
        // Nearly always it has come before.
        if (SourceOf(fault) is not null) _linked++;
        else if (_withoutSource.Count < FaultsMax) _withoutSource.Add(fault);
        if (_faults.Count < FaultsMax) _faults.Add((fault, fault.Attributes.Text(AttributeNames.RetryReason) ?? "unknown"));
    }

    public void AddInvalidation(SpanRecord span)
    {
        if (_sources.Count == InvalidationsMax && _order.TryDequeue(out var oldest)) _sources.Remove(oldest);
        if (_sources.TryAdd(span.SpanId, Source.From(span))) _order.Enqueue(span.SpanId);
    }

    /// <summary>By reason and by what invalidates, most faults first.</summary>
    public IReadOnlyList<RetryCause> Causes() =>
    [
        .. _faults.Select(entry => (entry.Fault, entry.Reason, Source: SourceOf(entry.Fault)))
            .GroupBy(entry => (entry.Reason, Kind: entry.Source?.Kind ?? "not in these traces"))
            .Select(group => new RetryCause(
                group.Key.Reason, group.Key.Kind, group.Count(),
                group.Sum(entry => entry.Fault.Attributes.Number(AttributeNames.FaultRetries)),
                group.Sum(entry => entry.Fault.Attributes.Number(AttributeNames.FaultRetryMicroseconds))))
            .OrderByDescending(cause => cause.Faults),
    ];

    /// <summary>The faults that lost most to retries, each with what it leads to.</summary>
    public IReadOnlyList<RetryChain> Chains(int count) =>
    [
        .. _faults.OrderByDescending(entry => entry.Fault.Attributes.Number(AttributeNames.FaultRetryMicroseconds)).Take(count)
            .Select(entry => new RetryChain(
                entry.Fault.Attributes.Text(AttributeNames.OperationId) ?? "", entry.Fault.Attributes.Text(AttributeNames.Vm) ?? "",
                entry.Fault.Attributes.Number(AttributeNames.Gfn), entry.Fault.Instance,
                entry.Fault.Attributes.Number(AttributeNames.FaultRetries), entry.Fault.Microseconds, entry.Reason,
                SourceOf(entry.Fault), entry.Fault.TraceId)),
    ];

    private Source? SourceOf(SpanRecord fault) => fault.LinkedSpans.Select(link => _sources.GetValueOrDefault(link)).FirstOrDefault(
        source => source is not null);

    /// <summary>An invalidation and the operation that it belongs to.</summary>
    /// <param name="Operation">its id</param>
    /// <param name="Kind">what it does</param>
    /// <param name="Silo">where the VM was notified</param>
    /// <param name="Hva">first page of its range; 0 for a memslot update</param>
    /// <param name="Pages">of the range</param>
    /// <param name="Microseconds">how long it was there</param>
    internal sealed record Source(string Operation, string Kind, string Silo, double Hva, double Pages, double Microseconds)
    {
        public static Source From(SpanRecord span) => new(
            span.Attributes.Text(AttributeNames.OperationId) ?? "", span.Attributes.Text(AttributeNames.OperationKind) ?? "unknown",
            span.Instance, span.Attributes.Number(AttributeNames.Hva), span.Attributes.Number(AttributeNames.Pages), span.Microseconds);
    }
}

/// <summary>Faults that began again for one reason and one kind of operation.</summary>
internal sealed record RetryCause(string Reason, string Source, long Faults, double Retries, double Microseconds);

/// <summary>One fault, and what made it begin again last.</summary>
internal sealed record RetryChain(
    string Fault, string Vm, double Gfn, string Silo, double Retries, double Microseconds, string Reason, RetryChains.Source? Source,
    string TraceId);
