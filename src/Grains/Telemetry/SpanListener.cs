using System.Diagnostics;

namespace Livebed.Grains.Telemetry;

/// <summary>What a span's resource says: service.name, service.instance.id, and the seed of the run.</summary>
public readonly record struct SpanOrigin(string Service, string Instance, long Seed = 0);

/// <summary>
/// The one listener of a process to our activity source and Orleans'. It samples, and hands each ended span to the exporters together with
/// the service instance that it belongs to. Sources are of the process while silos may share one, so a span says itself where it was: by
/// its attribute <see cref="AttributeNames.Silo"/>, or by that of the nearest span around it. A tracer provider of the SDK would make a
/// span of every grain call of an unsampled operation just to drop it.
/// </summary>
public sealed class SpanListener : IDisposable
{
    /// <summary>Of Orleans' sources only grain calls are taken: placement and activation would add five spans to the first call of every
    /// actor.</summary>
    private const string OrleansCalls = "Microsoft.Orleans.Application";

    private readonly ActivityListener _listener;
    private readonly RootSampler _sampler;
    private readonly SpanOrigin _process;
    private readonly Action<Activity, SpanOrigin> _ended;

    /// <param name="process">where spans belong that name no silo</param>
    /// <param name="sampler">what is kept</param>
    /// <param name="ended">takes each span that is kept, on the thread that ends it: it must be quick and must not throw</param>
    public SpanListener(SpanOrigin process, RootSampler sampler, Action<Activity, SpanOrigin> ended)
    {
        (_process, _sampler, _ended) = (process, sampler, ended);
        _listener = new ActivityListener
        {
            ShouldListenTo = source => source.Name is LivebedTelemetry.SourceName or OrleansCalls,
            Sample = (ref ActivityCreationOptions<ActivityContext> span) => _sampler.Sample(ref span),
            ActivityStopped = Ended,
        };
        ActivitySource.AddActivityListener(_listener);
    }

    public void Dispose() => _listener.Dispose();

    private void Ended(Activity span)
    {
        // A span that a limit took out again was started all the same.
        if (span.Recorded) _ended(span, OriginOf(span));
    }

    private SpanOrigin OriginOf(Activity span)
    {
        for (var around = span; around is not null; around = around.Parent)
            if (around.GetTagItem(AttributeNames.Silo) is string silo)
                return _process with { Service = TelemetrySetup.SiloService, Instance = silo };
        return _process;
    }
}
