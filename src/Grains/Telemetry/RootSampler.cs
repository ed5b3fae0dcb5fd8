using OpenTelemetry.Trace;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Samples whole trees, rooted in our own spans. A child follows its parent, up to the trace's budget in this process. A root of our own is
/// sampled by ratio; one that reports a violation always is. Any other root is dropped. Under an unsampled span Orleans sends no trace
/// context, so the callee's span looks like a root. A plain ratio sampler would sample it again and export a fragment.
/// </summary>
public sealed class RootSampler(double ratio, int spansPerTrace = RootSampler.DefaultSpansPerTrace) : Sampler
{
    /// <summary>One trace stays below 500 spans.</summary>
    public const int DefaultSpansPerTrace = 499;

    private static readonly KeyValuePair<string, object?> OverBudget = new(AttributeNames.Reason, "trace-budget");
    private readonly TraceIdRatioBasedSampler _ratio = new(ratio);
    private readonly TraceBudget _budget = new(spansPerTrace);

    public override SamplingResult ShouldSample(in SamplingParameters samplingParameters)
    {
        if (samplingParameters.Name == SpanNames.Violation) return new SamplingResult(SamplingDecision.RecordAndSample);
        var parent = samplingParameters.ParentContext;
        if (parent.TraceId == default)
        {
            var root = SpanNames.IsOwn(samplingParameters.Name)
                ? _ratio.ShouldSample(samplingParameters)
                : new SamplingResult(SamplingDecision.Drop);
            if (root.Decision == SamplingDecision.RecordAndSample) _budget.TryTake(samplingParameters.TraceId);
            return root;
        }

        if ((parent.TraceFlags & System.Diagnostics.ActivityTraceFlags.Recorded) == 0) return new SamplingResult(SamplingDecision.Drop);
        if (_budget.TryTake(parent.TraceId)) return new SamplingResult(SamplingDecision.RecordAndSample);
        LivebedTelemetry.SpansSuppressed.Add(1, OverBudget);
        return new SamplingResult(SamplingDecision.Drop);
    }
}
