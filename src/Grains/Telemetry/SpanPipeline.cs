using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Trace;

namespace Livebed.Grains.Telemetry;

/// <summary>What a driver says about the spans of its run on a silo that was there before.</summary>
/// <param name="LockWaitMicroseconds">as in <see cref="TelemetryThresholds"/></param>
/// <param name="FaultMicroseconds">as there</param>
/// <param name="FaultRetries">as there</param>
/// <param name="SampleRatio">share of root spans that is sampled, 0 to 1</param>
/// <param name="SpansPerTrace">the silo's part of what a trace may have</param>
/// <param name="AreFetched">the driver fetches them for its run folder</param>
[GenerateSerializer, Immutable, Alias("Livebed.TracingTerms")]
public sealed record TracingTerms(
    long LockWaitMicroseconds, long FaultMicroseconds, int FaultRetries, double SampleRatio, int SpansPerTrace, bool AreFetched);

/// <summary>
/// The way of a process's spans from their end to the exporters, while its host runs. Each service instance has an exporter of its own,
/// since an exporter sends all its spans under one resource: three silos in the driver's process are four instances. A silo that outlives
/// runs samples as the run's driver says, and keeps the run's spans until that has fetched them.
/// </summary>
internal sealed class SpanPipeline(
    SpanOrigin process, TelemetryTargets targets, RootSampler sampler, SuppressedSpans? suppressed = null)
    : IHostedService, IQueuedTelemetry, IDisposable
{
    private readonly ConcurrentDictionary<SpanOrigin, Lazy<InstanceExporter>> _instances = new();
    private readonly Lock _gate = new();
    private SpanListener? _listener;
    private volatile TracePart? _part;
    private Task _sending = Task.CompletedTask;
    private bool _isOver;

    /// <summary>What the driver of the run fetches; null without such a run.</summary>
    public TracePart? Part => _part;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        Listen(targets.HasSpans ? new SpanListener(process, sampler, Ended) : null, part: null);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => SendAsync();

    /// <summary>A driver begins a run on this silo.</summary>
    public void BeginRun(long seed, TracingTerms terms)
    {
        var part = terms.AreFetched ? new TracePart() : null;
        var listener = part is null && !targets.HasSpans
            ? null
            : new SpanListener(process with { Seed = seed }, new RootSampler(terms.SampleRatio, terms.SpansPerTrace, suppressed), Ended);
        Listen(listener, part);
    }

    /// <summary>The run is over; what it left for a collector is sent meanwhile.</summary>
    public void EndRun()
    {
        Listen(targets.HasSpans ? new SpanListener(process, sampler, Ended) : null, part: null);
        var sending = SendInstances();
        lock (_gate) _sending = Task.WhenAll(_sending, sending);
    }

    public Task SendAsync()
    {
        Dispose();
        lock (_gate) return Task.WhenAll(_sending, SendInstances());
    }

    public void Dispose()
    {
        lock (_gate) _isOver = true;
        Listen(listener: null, part: null);
    }

    private void Listen(SpanListener? listener, TracePart? part)
    {
        TracePart? before;
        lock (_gate)
        {
            _listener?.Dispose();
            if (_isOver) listener?.Dispose();
            _listener = _isOver ? null : listener;
            (before, _part) = (_part, part);
        }

        before?.Dispose();
    }

    private Task SendInstances() => Task.WhenAll(_instances.Keys.Select(
        origin => _instances.TryRemove(origin, out var instance) ? Task.Run(instance.Value.Dispose) : Task.CompletedTask));

    private void Ended(Activity span, SpanOrigin origin)
    {
        targets.File?.Add(span, origin);
        _part?.Add(span, origin);
        targets.Spans?.Invoke(span);
        if (targets.Otlp is { } otlp)
            _instances.GetOrAdd(origin, _ => new Lazy<InstanceExporter>(() => new InstanceExporter(origin, otlp))).Value.Add(span);
    }

    /// <summary>The queue and the exporter of one service instance. A provider without sources is what gives them their resource.</summary>
    private sealed class InstanceExporter : IDisposable
    {
        private const int QueuedSpansMax = 4_096;
        private const int BatchMillisecondsMax = 1_000;

        private readonly BatchActivityExportProcessor _queue;
        private readonly TracerProvider _provider;

        public InstanceExporter(SpanOrigin origin, Uri otlp)
        {
            var options = new OtlpExporterOptions();
            OtlpEndpoint.Configure(options, otlp, "v1/traces");
            _queue = new BatchActivityExportProcessor(
                new OtlpTraceExporter(options), QueuedSpansMax, BatchMillisecondsMax, OtlpEndpoint.PatienceMilliseconds);
            _provider = Sdk.CreateTracerProviderBuilder()
                .ConfigureResource(resource => TelemetrySetup.ResourceOf(resource, origin)).AddProcessor(_queue).Build();
        }

        public void Add(Activity span) => _queue.OnEnd(span);

        public void Dispose()
        {
            _provider.Shutdown(OtlpEndpoint.PatienceMilliseconds);
            _provider.Dispose();
        }
    }
}
