using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.Extensions.Hosting;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Trace;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// The way of a process's spans from their end to the exporters, while its host runs. Each service instance has an exporter of its own,
/// since an exporter sends all its spans under one resource: three silos in the driver's process are four instances.
/// </summary>
internal sealed class SpanPipeline(SpanOrigin process, TelemetryTargets targets, RootSampler sampler)
    : IHostedService, IQueuedTelemetry, IDisposable
{
    private readonly ConcurrentDictionary<SpanOrigin, Lazy<InstanceExporter>> _instances = new();
    private SpanListener? _listener;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        _listener = new SpanListener(process, sampler, Ended);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => SendAsync();

    public Task SendAsync()
    {
        Dispose();
        return Task.WhenAll(_instances.Keys.Select(
            origin => _instances.TryRemove(origin, out var instance) ? Task.Run(instance.Value.Dispose) : Task.CompletedTask));
    }

    public void Dispose() => _listener?.Dispose();

    private void Ended(Activity span, SpanOrigin origin)
    {
        targets.File?.Add(span, origin);
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
