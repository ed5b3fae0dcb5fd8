using System.Net;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace Livebed.Grains.Hosting;

/// <summary>
/// Every silo in a process of its own, so that each has its own heap, thread pool and fate, and a silo can die. All are launched at once,
/// because starting a process is what takes long, and join one by one. None outlives the driver. A cluster for a nemesis
/// can lose silos and get them back (<see cref="ProcessFaults"/>).
/// </summary>
public sealed class ProcessCluster : ICluster
{
    private const int AttemptsWithFreePorts = 3;

    private static readonly TimeSpan ProbeTimeout = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RedisMax = TimeSpan.FromSeconds(3);

    /// <summary>Redis forgets the run's table or not; nothing waits for it.</summary>
    private static readonly TimeSpan ForgetMax = TimeSpan.FromSeconds(1);

    /// <summary>With a nemesis: longer than any of its faults, so that a silo that stands still or is cut off for a while is not given up.
    /// One that the nemesis kills is declared dead by the driver.</summary>
    private static readonly TimeSpan PatientProbeTimeout = TimeSpan.FromSeconds(10);

    private readonly string? _redis;
    private readonly string _clusterId;
    private readonly List<SiloProcess> _silos = [];
    private readonly ProcessFaults? _faults;
    private readonly TaskCompletionSource<string> _siloLost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private IHost? _client;
    private DashboardPage? _dashboard;
    private int _stopping;

    private ProcessCluster(ClusterSettings settings)
    {
        (_redis, _clusterId) = (settings.Redis, settings.ClusterId);
        Placement = settings.Placement;
        if (settings.TakesFaults) _faults = new ProcessFaults(this, settings);
        SiloNames = Enumerable.Range(0, settings.Silos).Select(ActorKeys.Silo).ToList();
    }

    public IClusterClient Client => _client!.Services.GetRequiredService<IClusterClient>();
    public IReadOnlyList<string> SiloNames { get; }
    public PlacementMode Placement { get; }
    public Task<string> SiloLost => _siloLost.Task;
    public Uri? Dashboard => _dashboard?.Address;
    public IClusterFaults? Faults => _faults;

    /// <exception cref="PortInUseException">A port counted from <see cref="ClusterSettings.BasePort"/> is taken; nothing is left
    /// running.</exception>
    /// <exception cref="RedisMissingException">There is no Redis where the settings say.</exception>
    /// <exception cref="SiloStartException">A process ended or was not ready in time; nothing is left running.</exception>
    /// <exception cref="StartTimeoutException">All were ready, and the driver did not reach them in time.</exception>
    public static async Task<ProcessCluster> StartAsync(ClusterSettings settings, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(settings);
        for (var attempt = 1; ; attempt++)
        {
            var ports = settings.ChoosePorts();
            var cluster = new ProcessCluster(settings);
            using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            patience.CancelAfter(settings.StartTimeout);
            try
            {
                if (settings.Redis is { } redis) await RedisMembership.WaitAsync(redis, RedisMax, patience.Token);
                await cluster.StartAsync(settings, ports, attempt, patience.Token);
                return cluster;
            }
            catch (Exception failure)
            {
                await cluster.DisposeAsync();
                cancellationToken.ThrowIfCancellationRequested();
                if (failure is OperationCanceledException) throw new StartTimeoutException(settings.StartTimeout, failure);

                // Another process took a port that was free when it was looked for.
                var mayTryAgain = failure is SiloStartException { IsPortTaken: true } && settings.BasePort is null;
                if (!mayTryAgain || attempt == AttemptsWithFreePorts) throw;
            }
        }
    }

    private async Task StartAsync(
        ClusterSettings settings, IReadOnlyList<SiloPorts> ports, int attempt, CancellationToken cancellationToken)
    {
        // Each process counts for itself what it adds to a trace: the silos and the driver share the allowance.
        var spansPerTrace = RootSampler.DefaultSpansPerTrace / (settings.Silos + 1);
        var silos = settings.SiloSettings(ports).Select((silo, index) => silo with
        {
            JoinAfter = index == 0 ? null : new IPEndPoint(IPAddress.Loopback, ports[index - 1].Gateway),
            ProbeTimeout = settings.TakesFaults ? PatientProbeTimeout : ProbeTimeout,
            Otlp = settings.Telemetry.Otlp,
            Traces = settings.Telemetry.File?.AddPart(
                attempt == 1 ? silo.SiloName : FormattableString.Invariant($"{silo.SiloName}.start-{attempt}")),
            TraceBytesMax = settings.Telemetry.File?.BytesMax ?? TraceFile.DefaultBytesMax,
            SpansPerTrace = spansPerTrace,
        }).ToList();
        _faults?.Know(silos);
        foreach (var silo in silos) _silos.Add(SiloProcess.Start(silo));
        var gateways = silos.Take(settings.TakesFaults ? 1 : silos.Count).Select(silo => silo.GatewayEndpoint).ToList();
        var client = ClusterClientHost.Build(settings, gateways, spansPerTrace, fates: _faults?.Fates);
        _client = client;
        foreach (var silo in _silos) _ = WatchAsync(silo);

        // The first that ends decides: the others would wait for it until their own time is over.
        await foreach (var ready in Task.WhenEach(_silos.Select(silo => silo.WaitUntilReadyAsync(cancellationToken)))) await ready;
        var connected = client.StartAsync(cancellationToken);
        await Task.WhenAny(connected, SiloLost);
        if (SiloLost.IsCompletedSuccessfully) throw _silos.Single(silo => silo.Name == SiloLost.Result).EndedAtStart();
        await connected;
        if (settings.Dashboard) _dashboard = await DashboardPage.StartAsync(settings, gateways, cancellationToken);
    }

    /// <summary>The process of a silo; of one that was killed and started again, the new one.</summary>
    internal SiloProcess ProcessOf(string silo)
    {
        lock (_silos) return _silos.Last(process => process.Name == silo);
    }

    /// <summary>Another process for a silo.</summary>
    internal SiloProcess Start(SiloSettings silo)
    {
        var process = SiloProcess.Start(silo);
        lock (_silos) _silos.Add(process);
        _ = WatchAsync(process);
        return process;
    }

    private async Task WatchAsync(SiloProcess silo)
    {
        await silo.Exited;
        if (Volatile.Read(ref _stopping) == 0 && _faults?.Fates.IsDown(silo.Name) != true) _siloLost.TrySetResult(silo.Name);
    }

    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _stopping, 1) != 0) return;
        if (_dashboard is not null) await _dashboard.DisposeAsync();
        _faults?.Dispose();
        if (_client is not null) await _client.StopWithinBoundAsync();
        await Task.WhenAll(_silos.Select(silo => silo.DisposeAsync().AsTask()));
        if (_redis is not null)
            await RedisMembership.ForgetAsync(_redis, _clusterId)
                .WaitAsync(ForgetMax).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
