using Livebed.Grains.Placement;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// All silos in the driver's process: real Orleans silos that talk over loopback sockets, but share memory, garbage collector and thread
/// pool, and live and die together. The primary comes first, because it has the membership table; the others start at once.
/// </summary>
public sealed class EmbeddedCluster : ICluster
{
    private const int AttemptsWithFreePorts = 3;
    private readonly List<IHost> _silos = [];
    private readonly TaskCompletionSource<string> _siloLost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IHost? _client;
    private int _stopping;

    private EmbeddedCluster(ClusterSettings settings)
    {
        Placement = settings.Placement;
        SiloNames = Enumerable.Range(0, settings.Silos).Select(ActorKeys.Silo).ToList();
    }

    public IClusterClient Client => _client!.Services.GetRequiredService<IClusterClient>();
    public IReadOnlyList<string> SiloNames { get; }
    public PlacementMode Placement { get; }
    public Task<string> SiloLost => _siloLost.Task;

    /// <summary>The services of one silo: what shares its process can look inside.</summary>
    public IServiceProvider ServicesOf(int silo) => _silos[silo].Services;

    /// <exception cref="PortInUseException">A port counted from <see cref="ClusterSettings.BasePort"/> is taken; nothing is left running.</exception>
    public static async Task<EmbeddedCluster> StartAsync(ClusterSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        for (var attempt = 1; ; attempt++)
        {
            var ports = settings.ChoosePorts();
            var cluster = new EmbeddedCluster(settings);
            try
            {
                using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
                patience.CancelAfter(settings.StartTimeout);
                await cluster.StartAsync(settings, ports, patience.Token);
                return cluster;
            }
            catch (Exception failure)
            {
                await cluster.DisposeAsync();
                if (!PortInUseException.IsBehind(failure)) throw;

                // Somebody was faster than we between looking and listening.
                if (settings.BasePort is { } first) throw new PortInUseException(first, failure);
                if (attempt == AttemptsWithFreePorts) throw;
            }
        }
    }

    private async Task StartAsync(ClusterSettings settings, IReadOnlyList<SiloPorts> ports, CancellationToken cancellationToken)
    {
        var silos = settings.SiloSettings(ports);
        _silos.AddRange(silos.Select(silo => SiloHostBuilder.Build(silo, settings.ConfigureSilo)));
        await _silos[0].StartAsync(cancellationToken);
        await Task.WhenAll(_silos.Skip(1).Select(silo => silo.StartAsync(cancellationToken)));
        _client = ClusterClientHost.Build(settings, silos.Select(silo => silo.GatewayEndpoint).ToList(), Telemetry.RootSampler.DefaultSpansPerTrace);
        await Task.WhenAll(
            _silos.Select(silo => silo.WaitForSilosAsync(settings.Silos, cancellationToken)).Append(_client.StartAsync(cancellationToken)));
        for (var i = 0; i < _silos.Count; i++)
        {
            var name = SiloNames[i];
            _silos[i].Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() => ReportLost(name));
        }
    }

    private void ReportLost(string silo)
    {
        if (Volatile.Read(ref _stopping) == 0) _siloLost.TrySetResult(silo);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _stopping, 1) != 0) return;
        if (_client is not null) await _client.StopWithinBoundAsync();

        // The others first: they want to sign off in the table that the primary has.
        await Task.WhenAll(_silos.Skip(1).Select(silo => silo.StopWithinBoundAsync()));
        if (_silos.Count > 0) await _silos[0].StopWithinBoundAsync();
    }
}
