using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// What a file of traces says of a run: locks, waits, retries, stalls, slow operations. Spans pass through once, and a second time for the
/// trees of the slowest operations; what is kept of them is bounded, so a file may be of any size.
/// </summary>
internal sealed class TraceAnalysis(int slowest)
{
    private const int ViolationsMax = 1_000;

    private readonly HashSet<string> _instances = [];
    private readonly SlowOperations _operations = new(slowest);

    public LockTable Locks { get; } = new();
    public LockWaits Waits { get; } = new();
    public RetryChains Retries { get; } = new();
    public GuestStalls Stalls { get; } = new();
    public long Spans { get; private set; }
    public long Roots { get; private set; }

    /// <summary>The first ones: a finding ends a run.</summary>
    public List<SpanRecord> Violations { get; } = [];

    public long ViolationCount { get; private set; }

    /// <summary>Of the runs that these traces are of: usually one.</summary>
    public List<SpanRecord> Runs { get; } = [];

    public IReadOnlyList<string> Instances => [.. _instances.Order(StringComparer.Ordinal)];

    /// <summary>The slowest operations that have a tree, the slowest first.</summary>
    public IReadOnlyList<SlowOperation> Operations => _operations.All();

    /// <param name="file">the traces</param>
    /// <param name="slowest">operations that get a critical path</param>
    /// <param name="stop">stops it between two lines</param>
    public static TraceAnalysis Of(TraceReader file, int slowest, CancellationToken stop)
    {
        var analysis = new TraceAnalysis(slowest);
        foreach (var span in file.Read(stop)) analysis.Add(span);
        analysis._operations.Choose();
        if (!analysis._operations.HasTraces) return analysis;
        foreach (var span in file.Read(stop, new TraceIdFilter(analysis._operations.Traces))) analysis._operations.AddSpan(span);
        return analysis;
    }

    private void Add(SpanRecord span)
    {
        Spans++;
        _instances.Add(span.Instance);
        if (span.ParentId is null) Roots++;
        switch (span.Name)
        {
            case SpanNames.Run:
                Runs.Add(span);
                Locks.AddRun(span);
                Stalls.AddRun(span);
                break;
            case SpanNames.LockWait:
                Locks.AddWait(span);
                Waits.Add(span);
                break;
            case SpanNames.LockHold:
                Locks.AddHold(span);
                break;
            case SpanNames.Fault:
                Retries.AddFault(span);
                Stalls.AddFault(span);
                break;
            case SpanNames.Invalidation:
                Retries.AddInvalidation(span);
                break;
            case SpanNames.Violation:
                ViolationCount++;
                if (Violations.Count < ViolationsMax) Violations.Add(span);
                break;
            default:
                if (span.ParentId is null && span.Name.StartsWith(SpanNames.OperationPrefix, StringComparison.Ordinal))
                    _operations.AddRoot(span);
                break;
        }
    }
}
