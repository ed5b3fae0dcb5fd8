using Livebed.Grains.Actors;
using Livebed.Grains.Placement;
using Livebed.Grains.Security;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Hosting;

/// <summary>A cluster as a driver asks for it; the settings of its silos follow from it.</summary>
public sealed record ClusterSettings
{
    public int Silos { get; init; } = 3;

    /// <summary>First of 2 x <see cref="Silos"/> consecutive loopback ports; null finds free ones.</summary>
    public int? BasePort { get; init; }

    public string ClusterId { get; init; } = "livebed";

    /// <summary>What all of the cluster know and no other program does; by default of this cluster alone.</summary>
    public ClusterSecret? Secret { get; init; } = ClusterSecret.Random();

    /// <summary>With which silos and driver show that they belong to the cluster; null for no TLS.</summary>
    public ClusterCertificates? Certificates { get; init; }

    /// <summary>The Redis with the membership table; null keeps the table in the first silo's memory. Not for embedded clusters.</summary>
    public string? Redis { get; init; }

    public PlacementMode Placement { get; init; } = PlacementMode.Spread;

    /// <summary>Where spans and metrics go: those of the driver's process; silos of other processes send to the same collector and write
    /// parts of the same file.</summary>
    public TelemetryTargets Telemetry { get; init; } = new();

    public double SampleRatio { get; init; } = TelemetrySetup.DefaultSampleRatio;
    public TelemetryThresholds Thresholds { get; init; } = new();
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(30);
    public LogLevel LogLevel { get; init; } = LogLevel.Warning;

    /// <summary>
    /// Silos are going to be killed one by one; embedded clusters only. The client then uses the primary alone, which outlives the others.
    /// A call through a dying silo is lost and takes until its time-out, wherever the called actor lives.
    /// </summary>
    public bool SilosDie { get; init; }

    /// <summary>The driver has a nemesis: see <see cref="Hosting.SiloSettings.TakesFaults"/>. The client then uses the first silo alone,
    /// which no nemesis kills.</summary>
    public bool TakesFaults { get; init; }

    /// <summary>Further services of each silo; embedded clusters only, another process cannot be handed any.</summary>
    public Action<IServiceCollection>? ConfigureSilo { get; init; }

    /// <summary>See <see cref="Hosting.SiloSettings.Time"/>.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Silos have the Orleans dashboard, and the driver shows it.</summary>
    public bool Dashboard { get; init; }

    /// <summary>Seed of the actors' preemptions.</summary>
    public ulong Seed { get; init; }

    /// <summary>See <see cref="Hosting.SiloSettings.PreemptionShare"/>.</summary>
    public double PreemptionShare { get; init; } = ClusterWorld.DefaultPreemptionShare;

    /// <summary>Time for the whole cluster to come up.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Settings of the silos on these ports; without Redis the first is the primary.</summary>
    internal IReadOnlyList<SiloSettings> SiloSettings(IReadOnlyList<SiloPorts> ports)
    {
        var primary = new System.Net.IPEndPoint(System.Net.IPAddress.Loopback, ports[0].Silo);
        return ports.Select((silo, index) => new SiloSettings
        {
            ClusterId = ClusterId,
            SiloName = ActorKeys.Silo(index),
            Ports = silo,
            Redis = Redis,
            Secret = Secret,
            Certificates = Certificates,
            PrimaryEndpoint = index == 0 || Redis is not null ? null : primary,
            Silos = Silos,
            Placement = Placement,
            OtlpOfLog = Telemetry.Otlp,
            SampleRatio = SampleRatio,
            Thresholds = Thresholds,
            ResponseTimeout = ResponseTimeout,
            LogLevel = LogLevel,
            Dashboard = Dashboard,
            Time = Time,
            Seed = Seed,
            PreemptionShare = PreemptionShare,
            TakesFaults = TakesFaults,
        }).ToList();
    }

    /// <exception cref="ArgumentOutOfRangeException">A number of silos that no cluster has.</exception>
    internal IReadOnlyList<SiloPorts> ChoosePorts()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Silos, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Silos, Hosting.SiloSettings.SilosMax);
        return BasePort is { } first ? SiloPorts.FromBase(first, Silos) : SiloPorts.FindFree(Silos);
    }
}
