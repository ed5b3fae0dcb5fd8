using Livebed.Grains.Actors;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Builds the host of one silo, the same for a silo that has a process of its own and for one that shares the driver's. Everything is on
/// loopback, with the membership table in the primary's memory: a test bed's cluster lives as long as a run.
/// </summary>
public static class SiloHostBuilder
{
    private const string ServiceId = "livebed";
    private const int MissedProbesMax = 3;

    /// <param name="settings">the silo</param>
    /// <param name="extra">further services of this silo</param>
    /// <param name="traces">its process's part of the run's traces, where it has a process of its own</param>
    public static IHost Build(SiloSettings settings, Action<IServiceCollection>? extra = null, TraceFile? traces = null)
    {
        ArgumentNullException.ThrowIfNull(settings);

        // The empty builder reads no files and watches none: half a second less for three silos, and no appsettings.json by accident.
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        AddStandardErrorLog(builder.Logging, settings.LogLevel);
        var services = builder.Services;
        services.AddSingleton<IHostLifetime, NoSignals>();
        var origin = new SpanOrigin(TelemetrySetup.SiloService, settings.SiloName, (long)settings.Seed);
        services.AddLivebedTelemetry(
            origin, new TelemetryTargets { Otlp = settings.Otlp, File = traces }, settings.SampleRatio, settings.SpansPerTrace);
        services.AddLivebedLog(origin, settings.Otlp ?? settings.OtlpOfLog);
        var telemetry = new SiloTelemetry(settings.SiloName, settings.Thresholds, settings.Time);
        services.AddSingleton(telemetry);
        services.AddHostedService(_ => new Heartbeat(telemetry.Running, settings.Time));
        services.Configure<LivebedPlacementOptions>(options => options.Mode = settings.Placement);
        services.AddLivebedActors(new ClusterWorldOptions { Seed = settings.Seed, PreemptionShare = settings.PreemptionShare });
        services.AddSingleton(provider => new PageWire(
            settings.Endpoint.Address, settings.PagePort, settings.ResponseTimeout, provider.GetRequiredService<ILogger<PageWire>>()));
        services.AddHostedService(provider => provider.GetRequiredService<PageWire>());
        builder.UseOrleans(silo => Configure(silo, settings));
        extra?.Invoke(services);
        return builder.Build();
    }

    /// <summary>Warnings and worse on standard error, a line each: standard output belongs to the program.</summary>
    internal static void AddStandardErrorLog(ILoggingBuilder logging, LogLevel level)
    {
        var logs = new LogSwitch(level);
        logging.Services.AddSingleton(logs);
        logging.SetMinimumLevel(level).AddFilter(logs.IsShown);
        logging.AddSimpleConsole(console => console.SingleLine = true);
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static void Configure(ISiloBuilder silo, SiloSettings settings)
    {
        silo.UseLocalhostClustering(
            settings.Ports.Silo, settings.Ports.Gateway, settings.PrimaryEndpoint ?? settings.Endpoint, ServiceId, settings.ClusterId);
        silo.AddActivityPropagation();
        // After Orleans' own filter, whose span is current then.
        silo.AddIncomingGrainCallFilter(new CallStamp(settings.SiloName));

        // Where each actor is, is itself kept on the silos. Orleans' default directory loses what the dead silo kept of it and ends those
        // actors wherever they live, so the death of one host would take others along; this one asks the survivors.
#pragma warning disable ORLEANSEXP003 // marked experimental, and used on purpose
        silo.AddDistributedGrainDirectory();
#pragma warning restore ORLEANSEXP003
        silo.AddPlacementDirector<LivebedPlacement, LivebedPlacementDirector>();
        silo.Configure<SiloOptions>(options => options.SiloName = settings.SiloName);
        silo.Configure<SiloMessagingOptions>(options =>
        {
            options.ResponseTimeout = settings.ResponseTimeout;
            options.MaxEnqueuedRequestsHardLimit = settings.QueuedRequestsMax;
            options.MaxEnqueuedRequestsHardLimit_StatelessWorker = settings.QueuedRequestsMax;
            options.ClientGatewayShutdownNotificationTimeout = TimeSpan.Zero;
        });

        // A VM that idles is not garbage: actors leave when their VM is torn down.
        silo.Configure<GrainCollectionOptions>(options => options.CollectionAge = TimeSpan.FromDays(1));
        silo.Configure<SchedulingOptions>(options => options.TurnWarningLengthThreshold = settings.TurnWarning);
        silo.Configure<ClusterMembershipOptions>(options =>
        {
            options.LivenessEnabled = settings.ProbeTimeout is not null;
            options.ProbeTimeout = settings.ProbeTimeout ?? options.ProbeTimeout;
            options.NumMissedProbesLimit = MissedProbesMax;
            options.NumVotesForDeathDeclaration = 1;
        });
    }
}
