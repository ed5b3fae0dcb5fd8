using System.Net;
using Livebed.Grains.Actors;
using Livebed.Grains.Faults;
using Livebed.Grains.Placement;
using Livebed.Grains.Security;
using Livebed.Grains.Telemetry;
using Livebed.Grains.Wire;
using Livebed.Kvm.UserSpace;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans.Configuration;
using Orleans.Dashboard;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Builds the host of one silo, the same for a silo that has a process of its own and for one that shares the driver's. A cluster that
/// lives as long as a run has its membership table in the primary's memory, one that outlives it in Redis.
/// </summary>
public static class SiloHostBuilder
{
    internal const string ServiceId = "livebed";
    private const int MissedProbesMax = 3;

    /// <param name="settings">the silo</param>
    /// <param name="extra">further services of this silo</param>
    /// <param name="traces">its process's part of the run's traces, where it has a process of its own</param>
    public static IHost Build(SiloSettings settings, Action<IServiceCollection>? extra = null, TraceFile? traces = null)
    {
        ArgumentNullException.ThrowIfNull(settings);

        // The empty builder reads no files and watches none: half a second less for three silos, and no appsettings.json by accident.
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        AddStandardErrorLog(builder.Logging, settings.LogLevel, settings.LogsJson);
        var services = builder.Services;
        services.AddSingleton<IHostLifetime, NoSignals>();
        var origin = new SpanOrigin(TelemetrySetup.SiloService, settings.SiloName, (long)settings.Seed);
        services.AddLivebedTelemetry(
            origin, new TelemetryTargets { Otlp = settings.Otlp, File = traces }, settings.SampleRatio, settings.SpansPerTrace);
        services.AddLivebedLog(origin, settings.Otlp ?? settings.OtlpOfLog);

        // A cluster of one run is on one machine, which has one monotonic clock.
        var shifted = new ShiftedTime(settings.Time);
        var time = settings.Redis is null ? settings.Time : shifted;
        var telemetry = new SiloTelemetry(settings.SiloName, settings.Thresholds, time);
        services.AddSingleton(telemetry);
        services.AddSingleton(shifted);
        services.AddSingleton(new SiloHealth(telemetry.Running, time));
        services.AddHostedService(_ => new Heartbeat(telemetry.Running, time));
        services.Configure<LivebedPlacementOptions>(options =>
        {
            options.Mode = settings.Placement;
            if (settings.TakesFaults) (options.Silos, options.IsFixed) = (settings.Silos, true);
        });
        var links = settings.TakesFaults ? new SiloLinks() : null;
        if (links is not null) services.AddSingleton(links).AddSingleton<SiloCalls>().AddSingleton<FaultOrders>();
        services.AddSingleton(new LeaseTerms(settings.ProbeTimeout is null ? 0 : (long)settings.HostLease.TotalMicroseconds));
        services.AddSingleton<ILeaseAuthority, MembershipLease>();
        services.AddLivebedActors(new ClusterWorldOptions { Seed = settings.Seed, PreemptionShare = settings.PreemptionShare });
        services.AddSingleton(provider => new PageWire(
            new IPEndPoint(settings.Network.Listen, settings.PagePort), settings.Network.PageAddress, settings.Secret,
            settings.ResponseTimeout,
            provider.GetRequiredService<ILogger<PageWire>>())
        {
            Links = links,
            Certificates = settings.Certificates,
        });
        services.AddHostedService(provider => provider.GetRequiredService<PageWire>());
        services.AddSingleton<RunLease>();
        services.AddHostedService(provider => provider.GetRequiredService<RunLease>());
        builder.UseOrleans(silo => Configure(silo, settings, links));
        extra?.Invoke(services);
        return builder.Build();
    }

    /// <summary>Warnings and worse on standard error, a line each: standard output belongs to the program.</summary>
    internal static void AddStandardErrorLog(ILoggingBuilder logging, LogLevel level, bool isJson = false)
    {
        var logs = new LogSwitch(level);
        logging.Services.AddSingleton(logs);
        logging.SetMinimumLevel(level).AddFilter(logs.IsShown);
        if (isJson) logging.AddJsonConsole(console => (console.UseUtcTimestamp, console.TimestampFormat) = (true, "O"));
        else logging.AddSimpleConsole(console => console.SingleLine = true);
        logging.Services.Configure<Microsoft.Extensions.Logging.Console.ConsoleLoggerOptions>(
            console => console.LogToStandardErrorThreshold = LogLevel.Trace);
    }

    private static void Configure(ISiloBuilder silo, SiloSettings settings, SiloLinks? links)
    {
        if (settings.Redis is { } redis) silo.UseRedisClustering(options => RedisMembership.Configure(options, redis));
        else silo.UseDevelopmentClustering(settings.PrimaryEndpoint ?? settings.Endpoint);
        silo.Configure<ClusterOptions>(options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, ServiceId));
        silo.Configure<EndpointOptions>(options =>
        {
            options.AdvertisedIPAddress = settings.Network.Address;
            (options.SiloPort, options.GatewayPort) = (settings.Ports.Silo, settings.Ports.Gateway);
            options.SiloListeningEndpoint = new IPEndPoint(settings.Network.Listen, settings.Ports.Silo);
            options.GatewayListeningEndpoint = new IPEndPoint(settings.Network.Listen, settings.Ports.Gateway);
        });
        // Below TLS and the proof of the secret: the first connection middleware is the outermost.
        if (links is not null)
        {
            silo.Configure<SiloConnectionOptions>(
                connections => connections.ConfigureSiloOutboundConnection(outbound => outbound.UseLinks(links)));
            silo.AddOutgoingGrainCallFilter<StruckCalls>();
        }

        if (settings.Certificates is { } certificates)
        {
            silo.Configure<SiloConnectionOptions>(connections =>
            {
                connections.ConfigureSiloInboundConnection(inbound => inbound.UseAcceptedTls(certificates, PeerKind.Silo));
                connections.ConfigureSiloOutboundConnection(outbound => outbound.UseConnectingTls(certificates));
                connections.ConfigureGatewayInboundConnection(inbound => inbound.UseAcceptedTls(certificates, PeerKind.Gateway));
            });
        }

        if (settings.Secret is { } secret)
        {
            silo.Configure<SiloConnectionOptions>(connections =>
            {
                connections.ConfigureSiloInboundConnection(inbound => inbound.UseAccepted(secret, PeerKind.Silo));
                connections.ConfigureSiloOutboundConnection(outbound => outbound.UseConnecting(secret, PeerKind.Silo));
                connections.ConfigureGatewayInboundConnection(inbound => inbound.UseAccepted(secret, PeerKind.Gateway));
            });
        }

        if (settings.Dashboard) silo.AddDashboard();
        silo.AddOutgoingGrainCallFilter<OutgoingCallSpans>().AddIncomingGrainCallFilter(new IncomingCallSpans(settings.SiloName));

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
