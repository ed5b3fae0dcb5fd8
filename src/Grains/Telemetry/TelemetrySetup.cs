using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using OpenTelemetry.Exporter;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Hooks a process's telemetry up, once a process (see <see cref="LivebedTelemetry"/>). Without a URL and without an exporter of the
/// caller's own, nothing listens and a span costs a null check. A collector that is missing, or accepts and never answers, loses data and
/// nothing else: the queue is bounded and drops, every request is cut off after a second, and so is the flush at the end.
/// Of Orleans' sources only grain calls are taken: placement and activation would add five spans to the first call of every actor.
/// </summary>
public static class TelemetrySetup
{
    public const string DriverService = "livebed-driver";
    public const string SiloService = "livebed-silo";
    public const double DefaultSampleRatio = 0.05;

    private const string OrleansCalls = "Microsoft.Orleans.Application";
    private const string OrleansMeter = "Microsoft.Orleans";
    private const int GrpcPort = 4317;
    private const int RequestMillisecondsMax = 1_000;
    private const int QueuedSpansMax = 4_096;
    private const int MetricPeriodMilliseconds = 5_000;

    /// <param name="services">of the process's one host</param>
    /// <param name="service">what kind of process this is: service.name</param>
    /// <param name="instance">which of its kind: service.instance.id</param>
    /// <param name="otlp">where the collector listens; port 4317 is spoken to in gRPC, any other in HTTP/protobuf; null exports
    /// nothing</param>
    /// <param name="sampleRatio">share of our root spans that is sampled, 0 to 1</param>
    /// <param name="spansPerTrace">spans that this process adds to one trace at most</param>
    /// <param name="tracing">further exporters, such as a run folder's file</param>
    public static IServiceCollection AddLivebedTelemetry(
        this IServiceCollection services, string service, string instance, Uri? otlp, double sampleRatio = DefaultSampleRatio,
        int spansPerTrace = RootSampler.DefaultSpansPerTrace, Action<TracerProviderBuilder>? tracing = null)
    {
        if (otlp is null && tracing is null) return services;
        var telemetry = services.AddOpenTelemetry()
            .ConfigureResource(
                resource => resource.Clear().AddService(service, serviceInstanceId: instance, autoGenerateServiceInstanceId: false))
            .WithTracing(traces =>
            {
                traces.SetSampler(new RootSampler(sampleRatio, spansPerTrace)).AddSource(LivebedTelemetry.SourceName, OrleansCalls);
                if (otlp is not null) traces.AddOtlpExporter(options => ExportTraces(options, otlp));
                tracing?.Invoke(traces);
            });
        if (otlp is not null)
        {
            telemetry.WithMetrics(metrics => metrics.AddMeter(LivebedTelemetry.SourceName, OrleansMeter).AddRuntimeInstrumentation()
                .AddOtlpExporter((options, reader) => ExportMetrics(options, reader, otlp)));
        }

        return services.AddHostedService<TelemetryFlush>();
    }

    private static void ExportTraces(OtlpExporterOptions options, Uri otlp)
    {
        Configure(options, otlp, "v1/traces");
        options.BatchExportProcessorOptions = new BatchExportActivityProcessorOptions
        {
            MaxQueueSize = QueuedSpansMax,
            ExporterTimeoutMilliseconds = RequestMillisecondsMax,
            ScheduledDelayMilliseconds = 1_000,
        };
    }

    private static void ExportMetrics(OtlpExporterOptions options, MetricReaderOptions reader, Uri otlp)
    {
        Configure(options, otlp, "v1/metrics");
        reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = MetricPeriodMilliseconds;
        reader.PeriodicExportingMetricReaderOptions.ExportTimeoutMilliseconds = RequestMillisecondsMax;
    }

    private static void Configure(OtlpExporterOptions options, Uri otlp, string path)
    {
        var grpc = otlp.Port == GrpcPort;
        options.Protocol = grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;

        // The exporter appends the signal's path only to an endpoint from the environment.
        options.Endpoint = grpc ? otlp : new Uri(otlp.AbsoluteUri.TrimEnd('/') + '/' + path);
        options.TimeoutMilliseconds = RequestMillisecondsMax;
    }
}

/// <summary>
/// Sends what is still queued when the host stops, and gives up after a second: by itself the tracer provider would wait five for a
/// collector that does not answer, and the meter provider five more. Both at once, because each waits for its own requests.
/// </summary>
internal sealed class TelemetryFlush(IServiceProvider services) : IHostedService
{
    private const int FlushMillisecondsMax = 1_000;

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.WhenAll(
        Task.Run(() => services.GetService<TracerProvider>()?.Shutdown(FlushMillisecondsMax), CancellationToken.None),
        Task.Run(() => services.GetService<MeterProvider>()?.Shutdown(FlushMillisecondsMax), CancellationToken.None));
}
