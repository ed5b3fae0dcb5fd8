using System.Net;
using Livebed.Grains.Actors;
using Livebed.Grains.Security;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Configuration;

namespace Livebed.Grains.Hosting;

/// <summary>The driver's side of a cluster: one client that knows every silo's gateway, and the telemetry of the driver's
/// process.</summary>
internal static class ClusterClientHost
{
    private static readonly TimeSpan Attempts = TimeSpan.FromMilliseconds(200);

    /// <param name="settings">the cluster</param>
    /// <param name="gateways">of all silos; those that the membership table has, where that is in Redis</param>
    /// <param name="spansPerTrace">what this process may add to one trace</param>
    /// <param name="fates">which silos the driver kills; null for none. The gateways given are then used, whatever Redis has</param>
    /// <param name="trouble">told why no gateway could be connected to, each time; with Redis only</param>
    public static IHost Build(
        ClusterSettings settings, IReadOnlyList<IPEndPoint> gateways, int spansPerTrace, Action<Exception>? trouble = null,
        SiloFates? fates = null)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        SiloHostBuilder.AddStandardErrorLog(builder.Logging, settings.LogLevel);
        var driver = new SpanOrigin(TelemetrySetup.DriverService, "driver", (long)settings.Seed);
        builder.Services.AddLivebedTelemetry(driver, settings.Telemetry, settings.SampleRatio, spansPerTrace);
        builder.Services.AddLivebedLog(driver, settings.Telemetry.Otlp);
        builder.Services.AddLivebedMessages();
        builder.Services.AddSingleton<IHostLifetime, NoSignals>();
        builder.UseOrleansClient(client =>
        {
            // Of a cluster whose silos are killed the client uses the gateways given, whatever Redis has.
            Configure(client, fates is null ? settings : settings with { Redis = null }, gateways, trouble);
            if (fates is not null) client.AddOutgoingGrainCallFilter(new KilledSiloFilter(fates, settings.Placement, settings.Silos));
            client.AddOutgoingGrainCallFilter<OutgoingCallSpans>();
        });
        return builder.Build();
    }

    /// <summary>How a client finds the cluster and proves itself.</summary>
    public static void Configure(
        IClientBuilder client, ClusterSettings settings, IReadOnlyList<IPEndPoint> gateways, Action<Exception>? trouble)
    {
        Exception? refusal = null;
        if (settings.Redis is { } redis)
        {
            client.UseRedisClustering(options => RedisMembership.Configure(options, redis));

            // A cluster that is not there yet has no gateway; the caller's patience ends the attempts.
            client.UseConnectionRetryFilter(async (failure, cancellation) =>
            {
                trouble?.Invoke(refusal ?? failure);
                await Task.Delay(Attempts, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                return !cancellation.IsCancellationRequested;
            });
        }
        else client.UseStaticClustering([.. gateways]);

        // The first connection middleware is the outermost, so the proof of the secret is encrypted.
        if (settings.Certificates is { } certificates)
            client.Configure<ClientConnectionOptions>(connections => connections.ConfigureConnection(
                outbound => outbound.UseConnectingTls(certificates, why => trouble?.Invoke(refusal = why))));
        if (settings.Secret is { } secret)
            client.Configure<ClientConnectionOptions>(
                connections => connections.ConfigureConnection(outbound => outbound.UseConnecting(secret, PeerKind.Gateway)));
        client.Configure<ClusterOptions>(
            options => (options.ClusterId, options.ServiceId) = (settings.ClusterId, SiloHostBuilder.ServiceId));
        client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = settings.ResponseTimeout);
    }
}

/// <summary>
/// A host's lifetime that listens to no signal. The default one stops its host at Ctrl-C. Then the silos of a driver's process would be
/// gone before the driver, which handles the signal too, has their last reports. The owner of the process decides when they stop.
/// </summary>
internal sealed class NoSignals : IHostLifetime
{
    public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
