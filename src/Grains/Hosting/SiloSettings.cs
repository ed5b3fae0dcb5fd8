using System.Net;
using Livebed.Grains.Actors;
using Livebed.Grains.Placement;
using Livebed.Grains.Security;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.Logging;

namespace Livebed.Grains.Hosting;

/// <summary>Everything that one silo needs to know; the options of Livebed.Silo are these.</summary>
public sealed record SiloSettings
{
    public const int SilosMax = 64;

    public static readonly TimeSpan UsualDrainMax = TimeSpan.FromSeconds(30);

    /// <summary>Longer than a busy machine lets a silo wait for the table, and about as long as a silo's death takes to be seen.</summary>
    public static readonly TimeSpan UsualHostLease = TimeSpan.FromSeconds(5);

    /// <summary>A shorter lease would run out each time that the membership table answers a little late.</summary>
    public static readonly TimeSpan HostLeaseMin = TimeSpan.FromMilliseconds(500);

    /// <summary>Silos and clients of one cluster share it; others are refused.</summary>
    public string ClusterId { get; init; } = "livebed";

    /// <summary><c>silo-0</c>, <c>silo-1</c>, ...: the order of names is the order that placement counts in.</summary>
    public required string SiloName { get; init; }

    public required SiloPorts Ports { get; init; }

    /// <summary>What silos and drivers of the cluster prove to each other that they know. Null asks for no proof; only on
    /// loopback, or with certificates.</summary>
    public ClusterSecret? Secret { get; init; }

    /// <summary>What silos and drivers of the cluster show each other; null for no TLS.</summary>
    public ClusterCertificates? Certificates { get; init; }

    /// <summary>Where the process says how it is, by HTTP; 0 for nowhere.</summary>
    public int HealthPort { get; init; }

    /// <summary>How long a silo that was asked to end waits for its VMs to be moved away.</summary>
    public TimeSpan DrainMax { get; init; } = UsualDrainMax;

    /// <summary>The log in lines of JSON.</summary>
    public bool LogsJson { get; init; }

    /// <summary>Where the silo listens and where others find it.</summary>
    public SiloNetwork Network { get; init; } = new();

    /// <summary>The Redis with the membership table, as StackExchange.Redis takes it. The silo then outlives runs, and there is no
    /// primary.</summary>
    public string? Redis { get; init; }

    /// <summary>The silo that holds the membership table; the cluster ends with it. Null when this is the one, or Redis has it.</summary>
    public IPEndPoint? PrimaryEndpoint { get; init; }

    /// <summary>
    /// This silo joins only when this endpoint has a listener: the gateway of the silo before it, so that silos launched together join one
    /// by one (of two that join at once, one sits out four seconds). Null waits for the primary only.
    /// </summary>
    public IPEndPoint? JoinAfter { get; init; }

    /// <summary>How many silos the cluster has: a silo is ready when it sees so many.</summary>
    public int Silos { get; init; } = 1;

    /// <summary>Where the silo listens for pages of VMs that migrate to it; 0 is a free port, which is as good, since sources are told
    /// it.</summary>
    public int PagePort { get; init; }

    public PlacementMode Placement { get; init; } = PlacementMode.Spread;

    /// <summary>Where this process's telemetry goes. Null for a silo that shares its process: telemetry is the process's.</summary>
    public Uri? Otlp { get; init; }

    /// <summary>Where its log goes if it shares a process, which sends spans and metrics for all; null: nowhere.</summary>
    public Uri? OtlpOfLog { get; init; }

    /// <summary>This process's part of the run's traces; null writes none. A silo that shares its process has none of its own.</summary>
    public string? Traces { get; init; }

    /// <summary>Bytes of <see cref="Traces"/> at most.</summary>
    public long TraceBytesMax { get; init; } = TraceFile.DefaultBytesMax;

    public double SampleRatio { get; init; } = TelemetrySetup.DefaultSampleRatio;

    /// <summary>This process's part of the 500 spans that one trace may have.</summary>
    public int SpansPerTrace { get; init; } = RootSampler.DefaultSpansPerTrace;

    public TelemetryThresholds Thresholds { get; init; } = new();

    /// <summary>A driver's nemesis orders faults of this silo's network, and kills silos. An actor whose silo is dead is then nowhere until
    /// it is back, instead of on the next.</summary>
    public bool TakesFaults { get; init; }

    /// <summary>
    /// How often silos probe each other; three misses and one vote end a silo. Null for silos of one process: they cannot die one by
    /// one, so a missed probe there only ever means that the machine is busy.
    /// </summary>
    public TimeSpan? ProbeTimeout { get; init; }

    /// <summary>How long a host's guests run on after the membership table last said that the silo lives. A new inventory waits as long
    /// before it lets a VM run elsewhere. Silos of one process need none.</summary>
    public TimeSpan HostLease { get; init; } = UsualHostLease;

    /// <summary>How long a grain call may take until its outcome is unknown.</summary>
    public TimeSpan ResponseTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>Requests that one actor may have running and queued; beyond it the caller gets a LimitExceededException.</summary>
    public int QueuedRequestsMax { get; init; } = 10_000;

    /// <summary>A turn longer than this is a warning: vCPU slices and scans are meant to give way after 1 to 5 ms.</summary>
    public TimeSpan TurnWarning { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>From which level on the silo's log goes to standard error.</summary>
    public LogLevel LogLevel { get; init; } = LogLevel.Warning;

    /// <summary>The silo tells the Orleans dashboard what it does. Each call is then measured once more.</summary>
    public bool Dashboard { get; init; }

    /// <summary>Where its actors have clocks and timers from; only a silo of the driver's process can be given another than the
    /// system's.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>Seed of the actors' preemptions.</summary>
    public ulong Seed { get; init; }

    /// <summary>Share of the model's scheduling points at which an actor gives way, 0 to 1; see <see cref="ClusterWorld"/>.</summary>
    public double PreemptionShare { get; init; } = ClusterWorld.DefaultPreemptionShare;

    public IPEndPoint Endpoint => new(Network.Address, Ports.Silo);
    public IPEndPoint GatewayEndpoint => new(Network.Address, Ports.Gateway);
}
