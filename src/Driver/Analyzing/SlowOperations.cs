using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// The slowest operations with a tree of spans, and the critical path of each: as Jaeger draws it, the spans that the operation's end had
/// to wait for, walked from its end to its beginning. The trees are looked for first and read in a second pass, so that memory holds a few
/// traces and never all.
/// </summary>
internal sealed class SlowOperations(int count)
{
    /// <summary>Spans of one trace that are looked at; ours have fewer than 500.</summary>
    private const int SpansMax = 20_000;

    private readonly PriorityQueue<SpanRecord, double> _slowest = new();
    private readonly Dictionary<string, List<SpanRecord>> _traces = [];

    public void AddRoot(SpanRecord root)
    {
        // Made after the fact: there is nothing below it to walk.
        if (root.Attributes.Has(AttributeNames.Promoted)) return;
        if (_slowest.Count < count) _slowest.Enqueue(root, root.Microseconds);
        else if (count > 0 && root.Microseconds > _slowest.Peek().Microseconds) _slowest.EnqueueDequeue(root, root.Microseconds);
    }

    /// <summary>The second pass begins.</summary>
    public void Choose()
    {
        foreach (var (root, _) in _slowest.UnorderedItems) _traces[root.TraceId] = [];
    }

    public bool HasTraces => _traces.Count > 0;

    /// <summary>Ids of those that the second pass looks for.</summary>
    public IEnumerable<string> Traces => _traces.Keys;

    public void AddSpan(SpanRecord span)
    {
        if (_traces.TryGetValue(span.TraceId, out var spans) && spans.Count < SpansMax) spans.Add(span);
    }

    /// <summary>The slowest first.</summary>
    public IReadOnlyList<SlowOperation> All() =>
    [
        .. _slowest.UnorderedItems.Select(entry => entry.Element).OrderByDescending(root => root.Microseconds)
            .Select(root => new SlowOperation(root, CriticalPath.Of(root, _traces[root.TraceId]))),
    ];
}

/// <summary>An operation and its critical path, from its beginning to its end.</summary>
internal sealed record SlowOperation(SpanRecord Root, IReadOnlyList<PathStep> Path);

/// <summary>A stretch of time on a critical path, in which its span itself was what took time and none of its children.</summary>
/// <param name="Span">the span</param>
/// <param name="Depth">how deep in the tree</param>
/// <param name="Start">when the stretch began</param>
/// <param name="End">when it ended</param>
internal sealed record PathStep(SpanRecord Span, int Depth, double Start, double End)
{
    public double Microseconds => End - Start;
}

/// <summary>The spans that an end had to wait for.</summary>
internal static class CriticalPath
{
    public static IReadOnlyList<PathStep> Of(SpanRecord root, IReadOnlyList<SpanRecord> spans)
    {
        var children = spans.Where(span => span.ParentId is not null).DistinctBy(span => span.SpanId).GroupBy(span => span.ParentId!)
            .ToDictionary(group => group.Key, group => group.ToList());
        var steps = new List<PathStep>();
        Walk(root, root.Start, root.End, depth: 0, children, steps, []);
        steps.Reverse();
        return steps;
    }

    /// <summary>From the end backwards: the child that ended last is what was waited for until then; before it began, its parent was at
    /// work, or another child that had ended by then. Two machines' clocks may differ, so a child is cut to its parent.</summary>
    private static void Walk(
        SpanRecord span, double from, double to, int depth, Dictionary<string, List<SpanRecord>> children, List<PathStep> steps,
        HashSet<string> above)
    {
        if (!above.Add(span.SpanId)) return;
        var end = to;
        foreach (var child in (children.GetValueOrDefault(span.SpanId) ?? []).OrderByDescending(child => Math.Min(child.End, to)))
        {
            var (childStart, childEnd) = (Math.Max(child.Start, from), Math.Min(child.End, to));
            if (childEnd > end || childEnd <= childStart) continue;
            if (end > childEnd) steps.Add(new PathStep(span, depth, childEnd, end));
            Walk(child, childStart, childEnd, depth + 1, children, steps, above);
            end = childStart;
        }

        if (end > from) steps.Add(new PathStep(span, depth, from, end));
        above.Remove(span.SpanId);
    }
}
