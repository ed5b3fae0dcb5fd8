using System.Diagnostics;
using Orleans.Diagnostics;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Spans of grain calls, one at each end, as the filters of Orleans' own <c>AddActivityPropagation</c> make them: the same source, names,
/// kinds and attributes. Those ask the sampler at each end of every call. These ask it only where a trace is going on, and nearly all
/// calls belong to none: such a call costs a look. They carry neither trace state nor baggage, which no span of the bed has.
/// </summary>
internal static class CallSpans
{
    /// <summary>The W3C header that takes the caller's span along in the request context, where Orleans looks for it too.</summary>
    public const string TraceParent = "traceparent";

    private static readonly ActivitySource Source = new(ActivitySources.ApplicationGrainActivitySourceName);

    /// <summary>Starts a call's span. Null for a call of Orleans' own, and where the sampler takes none.</summary>
    /// <param name="call">the call</param>
    /// <param name="kind">client or server</param>
    /// <param name="parent">the caller's span where it is of another process; otherwise it is the one that is current</param>
    public static Activity? Start(IGrainCallContext call, ActivityKind kind, ActivityContext parent = default)
    {
        if (call.Request.GetInterfaceType().Namespace?.StartsWith("Orleans", StringComparison.Ordinal) == true) return null;
        return Source.StartActivity(call.Request.GetActivityName(), kind, parent)?
            .SetTag("rpc.system.name", "orleans")
            .SetTag("orleans.rpc.service", call.InterfaceName)
            .SetTag("rpc.method", $"{call.InterfaceName}/{call.MethodName}")
            .SetTag("orleans.rpc.target_id", call.TargetId.ToString())
            .SetTag("orleans.rpc.source_id", call.SourceId?.ToString());
    }

    /// <summary>The rest of the call, in its span.</summary>
    public static async Task InvokeAsync(IGrainCallContext call, Activity? span)
    {
        try
        {
            await call.Invoke();
        }
        catch (Exception failure) when (span is not null)
        {
            span.SetStatus(ActivityStatusCode.Error)
                .SetTag("exception.type", failure.GetType().FullName)
                .SetTag("exception.message", failure.Message)
                .SetTag("exception.stacktrace", failure.ToString())
                .SetTag("exception.escaped", true);
            throw;
        }
    }
}

/// <summary>The caller's end, at silos and at the driver.</summary>
internal sealed class OutgoingCallSpans : IOutgoingGrainCallFilter
{
    public Task Invoke(IOutgoingGrainCallContext context) =>
        Activity.Current is { Recorded: true } ? InSpanAsync(context) : context.Invoke();

    private static async Task InSpanAsync(IOutgoingGrainCallContext call)
    {
        using var span = CallSpans.Start(call, ActivityKind.Client);
        if (span is not null) RequestContext.Set(CallSpans.TraceParent, span.Id!);
        await CallSpans.InvokeAsync(call, span);
    }
}

/// <summary>The end of the silo that answers, which the span says.</summary>
internal sealed class IncomingCallSpans(string silo) : IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context) =>
        RequestContext.Get(CallSpans.TraceParent) is string caller ? InSpanAsync(context, caller) : context.Invoke();

    private async Task InSpanAsync(IIncomingGrainCallContext call, string caller)
    {
        using var span = ActivityContext.TryParse(caller, traceState: null, isRemote: true, out var parent)
            ? CallSpans.Start(call, ActivityKind.Server, parent)?.SetTag(AttributeNames.Silo, silo)
            : null;
        await CallSpans.InvokeAsync(call, span);
    }
}
