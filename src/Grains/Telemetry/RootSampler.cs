using System.Diagnostics;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Samples whole trees, rooted in our own spans. A child follows its parent, up to the trace's budget in this process. A root of our own is
/// sampled by ratio. What was promoted after the fact has passed a limit of its own and is always kept, unless the ratio is 0; a violation
/// and the run itself are kept whatever it is. Any other root is dropped: under an operation that is not sampled Orleans sends no trace
/// context, so a callee's span looks like a root, and a plain ratio sampler would export a fragment.
/// </summary>
/// <param name="ratio">share of roots that is sampled, 0 to 1</param>
/// <param name="spansPerTrace">spans that this process adds to one trace at most</param>
/// <param name="suppressed">counts those beyond; null counts them in the metric only</param>
public sealed class RootSampler(
    double ratio, int spansPerTrace = RootSampler.DefaultSpansPerTrace, SuppressedSpans? suppressed = null)
{
    /// <summary>One trace stays below 500 spans.</summary>
    public const int DefaultSpansPerTrace = 499;

    private readonly SuppressedSpans _suppressed = suppressed ?? new SuppressedSpans();
    private readonly long _below = ratio >= 1 ? long.MaxValue : (long)(ratio * long.MaxValue);
    private readonly TraceBudget _budget = new(spansPerTrace);

    /// <summary>
    /// None makes no span at all, not even one that only passes the context on. That is what keeps grain calls cheap: nearly all of them
    /// belong to no sampled operation.
    /// </summary>
    public ActivitySamplingResult Sample(ref ActivityCreationOptions<ActivityContext> span)
    {
        var isKept = span.Parent.TraceId == default ? IsRootKept(ref span) : IsChildKept(span.Name, span.Parent);
        return isKept ? ActivitySamplingResult.AllDataAndRecorded : ActivitySamplingResult.None;
    }

    private bool IsRootKept(ref ActivityCreationOptions<ActivityContext> span)
    {
        if (!SpanNames.IsOwn(span.Name)) return false;
        var isKept = span.Name is SpanNames.Violation or SpanNames.Run
            || (ratio > 0 && (IsPromoted(ref span) || IsDrawn(span.TraceId)));
        if (isKept) _budget.TryTake(span.TraceId);
        return isKept;
    }

    /// <summary>Nothing else is started with attributes.</summary>
    private static bool IsPromoted(ref ActivityCreationOptions<ActivityContext> span) =>
        span.Tags?.Any(tag => tag.Key == AttributeNames.Promoted) == true;

    private bool IsChildKept(string name, ActivityContext parent)
    {
        if (name == SpanNames.Violation) return true;
        if ((parent.TraceFlags & ActivityTraceFlags.Recorded) == 0) return false;
        if (_budget.TryTake(parent.TraceId)) return true;
        _suppressed.Add(SpanLimit.TraceBudget);
        return false;
    }

    /// <summary>By the trace's id, so that all processes draw alike.</summary>
    private bool IsDrawn(ActivityTraceId trace)
    {
        Span<byte> id = stackalloc byte[16];
        trace.CopyTo(id);
        return (System.Buffers.Binary.BinaryPrimitives.ReadInt64BigEndian(id[8..]) & long.MaxValue) < _below;
    }
}
