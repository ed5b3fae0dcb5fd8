using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// All silos in the driver's process: real Orleans silos that talk over loopback sockets, but share memory, garbage collector and thread
/// pool, and live and die together. The primary comes first, because it has the membership table.
/// </summary>
public sealed class EmbeddedCluster : ICluster
{
    private const int AttemptsWithFreePorts = 3;
    private readonly List<IHost> _silos = [];
    private readonly HashSet<IHost> _killed = [];
    private readonly TaskCompletionSource<string> _siloLost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly EmbeddedFaults? _faults;
    private IHost? _client;
    private DashboardPage? _dashboard;
    private int _stopping;

    private EmbeddedCluster(ClusterSettings settings)
    {
        Placement = settings.Placement;
        if (settings.TakesFaults) _faults = new EmbeddedFaults(this);
        SiloNames = Enumerable.Range(0, settings.Silos).Select(ActorKeys.Silo).ToList();
    }

    public IClusterClient Client => _client!.Services.GetRequiredService<IClusterClient>();
    public IReadOnlyList<string> SiloNames { get; }
    public PlacementMode Placement { get; }
    public Task<string> SiloLost => _siloLost.Task;
    public Uri? Dashboard => _dashboard?.Address;
    public IClusterFaults? Faults => _faults;

    /// <summary>The services of one silo: what shares its process can look inside.</summary>
    public IServiceProvider ServicesOf(int silo) => _silos[silo].Services;

    /// <exception cref="PortInUseException">A port counted from <see cref="ClusterSettings.BasePort"/> is taken; nothing is left
    /// running.</exception>
    /// <exception cref="StartTimeoutException">It was not up in time.</exception>
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
                cancellationToken.ThrowIfCancellationRequested();
                if (failure is OperationCanceledException) throw new StartTimeoutException(settings.StartTimeout, failure);
                if (!PortInUseException.IsBehind(failure)) throw;

                // Another process took the port between the check and the listen.
                if (settings.BasePort is { } first) throw new PortInUseException(first, failure);
                if (attempt == AttemptsWithFreePorts) throw;
            }
        }
    }

    private async Task StartAsync(ClusterSettings settings, IReadOnlyList<SiloPorts> ports, CancellationToken cancellationToken)
    {
        var silos = settings.SiloSettings(ports);
        _faults?.Know(ports);

        // A cold start is compilation for the most part, so whatever may go side by side does: while the primary starts, the rest is built.
        _silos.Add(SiloHostBuilder.Build(silos[0], settings.ConfigureSilo));
        var rest = Task.Run(
            () => silos.Skip(1).Select(silo => SiloHostBuilder.Build(silo, settings.ConfigureSilo)).ToList(), cancellationToken);
        var gateways = silos.Take(settings.SilosDie ? 1 : silos.Count).Select(silo => silo.GatewayEndpoint).ToList();
        var client = Task.Run(() => ClusterClientHost.Build(settings, gateways, RootSampler.DefaultSpansPerTrace), cancellationToken);
        try
        {
            await _silos[0].StartAsync(cancellationToken);
        }
        finally
        {
            // Also when the start failed: what was built has to be disposed.
            _silos.AddRange(await rest);
            _client = await client;
        }

        // One by one: of two silos that join at once, one loses the race for the table's row and sits out four seconds. A warm one takes
        // 0.2.
        foreach (var silo in _silos.Skip(1)) await silo.StartAsync(cancellationToken);

        // The client comes last: a gateway that refuses its first attempt is not tried again for a while.
        var whole = _silos.Select(silo => silo.WaitForSilosAsync(settings.Silos, cancellationToken));
        await Task.WhenAll(whole.Append(_client!.StartAsync(cancellationToken)));
        for (var i = 0; i < _silos.Count; i++)
        {
            var (silo, name) = (_silos[i], SiloNames[i]);
            silo.Services.GetRequiredService<IHostApplicationLifetime>().ApplicationStopping.Register(() => ReportLost(silo, name));
        }

        if (settings.Dashboard) _dashboard = await DashboardPage.StartAsync(settings, gateways, cancellationToken);
    }

    /// <summary>
    /// A silo dies without a word, as when its machine does; the others hear of it at once instead of by missed probes. What it held is
    /// gone, what it was asked is unanswered. Its name stays in <see cref="SiloNames"/>. Not the primary: that has the membership table.
    /// See <see cref="ClusterSettings.SilosDie"/>.
    /// </summary>
    public async Task KillSiloAsync(int silo)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(silo, 1);
        var victim = _silos[silo];
        var address = victim.Services.GetRequiredService<ILocalSiloDetails>().SiloAddress;
        victim.Services.GetRequiredService<LogSwitch>().Mute();
        if (!_killed.Add(victim)) return;

        // Stopped and disposed of: its sockets close, so that no peer goes on talking to it.
        await victim.StopAsync(new CancellationToken(canceled: true)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Task.WhenAll(
            victim.ReleaseWithinBoundAsync(), _silos[0].Services.GetRequiredService<IClusterMembershipService>().TryKill(address));
    }

    private void ReportLost(IHost silo, string name)
    {
        if (Volatile.Read(ref _stopping) == 0 && !_killed.Contains(silo)) _siloLost.TrySetResult(name);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _stopping, 1) != 0) return;
        _silos.RemoveAll(_killed.Contains);
        _silos.ForEach(silo => silo.Services.GetRequiredService<LogSwitch>().Mute());
        if (_dashboard is not null) await _dashboard.DisposeAsync();
        if (_client is not null) await _client.StopWithinBoundAsync();

        // The others first: they want to sign off in the table that the primary has.
        await Task.WhenAll(_silos.Skip(1).Select(silo => silo.StopWithinBoundAsync()));
        if (_silos.Count > 0) await _silos[0].StopWithinBoundAsync();
    }
}
