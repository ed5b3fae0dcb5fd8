using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;

namespace Livebed.Grains.Telemetry;

/// <summary>Where a process's telemetry goes; with nothing set, nothing listens and a span costs a null check.</summary>
public sealed record TelemetryTargets
{
    /// <summary>Where a collector listens: port 4317 is spoken to in gRPC, any other in HTTP/protobuf, unless
    /// OTEL_EXPORTER_OTLP_PROTOCOL says which.</summary>
    public Uri? Otlp { get; init; }

    /// <summary>The run folder's traces, or this process's part of them. Its owner closes it.</summary>
    public TraceFile? File { get; init; }

    /// <summary>Takes every span that is kept, on the thread that ends it.</summary>
    public Action<Activity>? Spans { get; init; }

    internal bool HasSpans => Otlp is not null || File is not null || Spans is not null;
}

/// <summary>
/// Hooks a process's telemetry up, once a process (see <see cref="LivebedTelemetry"/>). A collector that is missing, or accepts and never
/// answers, loses data and nothing else: the queue is bounded and drops, every request is cut off after a second, and so is the flush at
/// the end. The file does not wait for a collector.
/// </summary>
public static class TelemetrySetup
{
    public const string DriverService = "livebed-driver";
    public const string SiloService = "livebed-silo";
    public const double DefaultSampleRatio = 0.05;

    private const string OrleansMeter = "Microsoft.Orleans";
    private const int MetricPeriodMilliseconds = 5_000;
    private const int LogPeriodMilliseconds = 1_000;

    /// <param name="services">of the process's one host</param>
    /// <param name="process">what kind of process this is and which of its kind; spans that say in which silo they were belong to
    /// that</param>
    /// <param name="targets">where it goes</param>
    /// <param name="sampleRatio">share of our root spans that is sampled, 0 to 1</param>
    /// <param name="spansPerTrace">spans that this process adds to one trace at most</param>
    public static IServiceCollection AddLivebedTelemetry(
        this IServiceCollection services, SpanOrigin process, TelemetryTargets targets, double sampleRatio = DefaultSampleRatio,
        int spansPerTrace = RootSampler.DefaultSpansPerTrace)
    {
        services.AddSingleton(provider => provider.GetService<SiloTelemetry>()?.Suppressed ?? new SuppressedSpans());
        services.AddSingleton(provider =>
        {
            var suppressed = provider.GetRequiredService<SuppressedSpans>();
            return new SpanPipeline(process, targets, new RootSampler(sampleRatio, spansPerTrace, suppressed), suppressed);
        });
        services.AddHostedService(provider => provider.GetRequiredService<SpanPipeline>());
        services.AddSingleton<IQueuedTelemetry>(provider => provider.GetRequiredService<SpanPipeline>());
        if (targets.Otlp is not { } otlp) return services;
        services.AddOpenTelemetry()
            .WithMetrics(metrics => metrics.ConfigureResource(resource => ResourceOf(resource, process))
                .AddMeter(LivebedTelemetry.SourceName, OrleansMeter).AddRuntimeInstrumentation()
                .AddOtlpExporter((options, reader) => ExportMetrics(options, reader, otlp)));
        return services.AddSingleton<IQueuedTelemetry, QueuedMetrics>();
    }

    /// <summary>Has a host's log sent to a collector, from information on, beside what of it reaches standard error.</summary>
    /// <param name="services">of any host: silos in one process have each its own log</param>
    /// <param name="origin">the silo or driver whose log it is</param>
    /// <param name="otlp">where it goes; null: nowhere</param>
    public static IServiceCollection AddLivebedLog(this IServiceCollection services, SpanOrigin origin, Uri? otlp)
    {
        if (otlp is null) return services;
        services.AddOpenTelemetry().WithLogging(
            logs => logs.ConfigureResource(resource => ResourceOf(resource, origin)).AddOtlpExporter((options, processor) =>
            {
                OtlpEndpoint.Configure(options, otlp, "v1/logs");
                processor.BatchExportProcessorOptions.ScheduledDelayMilliseconds = LogPeriodMilliseconds;
                processor.BatchExportProcessorOptions.ExporterTimeoutMilliseconds = OtlpEndpoint.PatienceMilliseconds;
            }),
            options => options.IncludeFormattedMessage = true);
        services.AddLogging(logging => logging.AddFilter<OpenTelemetryLoggerProvider>(null, LogLevel.Information));
        return services.AddSingleton<IQueuedTelemetry, QueuedLog>();
    }

    internal static void ResourceOf(ResourceBuilder resource, SpanOrigin origin) =>
        resource.Clear().AddService(origin.Service, serviceInstanceId: origin.Instance, autoGenerateServiceInstanceId: false)
            .AddAttributes([new(AttributeNames.Seed, origin.Seed)]);

    private static void ExportMetrics(OtlpExporterOptions options, MetricReaderOptions reader, Uri otlp)
    {
        OtlpEndpoint.Configure(options, otlp, "v1/metrics");
        reader.PeriodicExportingMetricReaderOptions.ExportIntervalMilliseconds = MetricPeriodMilliseconds;
        reader.PeriodicExportingMetricReaderOptions.ExportTimeoutMilliseconds = OtlpEndpoint.PatienceMilliseconds;
    }
}

/// <summary>How a collector is spoken to. Headers and certificates come from the OTEL_EXPORTER_OTLP_* variables, which the exporter reads
/// itself.</summary>
public static class OtlpEndpoint
{
    private const int UsualPatienceMilliseconds = 1_000;
    private const int PatienceMillisecondsMax = 60_000;
    private const int GrpcPort = 4317;
    private const string ProtocolVariable = "OTEL_EXPORTER_OTLP_PROTOCOL";
    private const string PatienceVariable = "OTEL_EXPORTER_OTLP_TIMEOUT";

    /// <summary>Milliseconds that a request may take, and that the last one may delay the end of a process.</summary>
    internal static int PatienceMilliseconds { get; } =
        int.TryParse(Environment.GetEnvironmentVariable(PatienceVariable), NumberStyles.None, CultureInfo.InvariantCulture, out var given)
            && given > 0
            ? Math.Min(given, PatienceMillisecondsMax)
            : UsualPatienceMilliseconds;

    /// <summary>Of a collector's two addresses the one whose protocol the environment asks for, and else HTTP.</summary>
    public static Uri Chosen(Uri http, Uri grpc) => IsGrpc(http) ? grpc : http;

    internal static void Configure(OtlpExporterOptions options, Uri otlp, string path)
    {
        var grpc = IsGrpc(otlp);
        options.Protocol = grpc ? OtlpExportProtocol.Grpc : OtlpExportProtocol.HttpProtobuf;

        // The exporter appends the signal's path only to an endpoint from the environment.
        options.Endpoint = grpc ? otlp : new Uri(otlp.AbsoluteUri.TrimEnd('/') + '/' + path);
        options.TimeoutMilliseconds = PatienceMilliseconds;
    }
    private static bool IsGrpc(Uri otlp) => Environment.GetEnvironmentVariable(ProtocolVariable) switch
    {
        "grpc" => true,
        "http/protobuf" => false,
        _ => otlp.Port == GrpcPort,
    };
}
