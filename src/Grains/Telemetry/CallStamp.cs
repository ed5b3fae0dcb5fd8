using System.Diagnostics;

namespace Livebed.Grains.Telemetry;

/// <summary>Writes into the span of each call that a silo answers which silo that is. A call of an operation that is not sampled has no
/// span and costs a look.</summary>
internal sealed class CallStamp(string silo) : IIncomingGrainCallFilter
{
    public Task Invoke(IIncomingGrainCallContext context)
    {
        if (Activity.Current is { Recorded: true } span) span.SetTag(AttributeNames.Silo, silo);
        return context.Invoke();
    }
}
