using System.Globalization;
using System.Net;
using Livebed.Grains.Security;

namespace Livebed.Grains.Hosting;

/// <summary>The command line of Livebed.Silo, in one place for its writers and its reader.</summary>
public static class SiloArguments
{
    public const string ClusterId = "--cluster-id";
    public const string SiloName = "--silo-name";
    public const string SiloPort = "--silo-port";
    public const string GatewayPort = "--gateway-port";
    public const string PagePort = "--page-port";
    public const string Listen = "--listen";
    public const string Advertise = "--advertise";
    public const string AdvertisePages = "--advertise-pages";
    public const string Redis = "--redis";
    public const string StartTimeout = "--start-timeout";
    public const string DrainTimeout = "--drain-timeout";
    public const string HealthPort = "--health-port";
    public const string SecretFile = ClusterSecret.Option;
    public const string TlsCertificate = ClusterCertificates.CertificateOption;
    public const string TlsKey = ClusterCertificates.KeyOption;
    public const string TlsAuthority = ClusterCertificates.AuthorityOption;
    public const string LogFormat = "--log-format";

    /// <summary>The variable that has the secret itself: there is no option for it, since others can read command lines.</summary>
    public const string SecretVariable = ClusterSecret.Variable;

    public const string Primary = "--primary";
    public const string JoinAfter = "--join-after";
    public const string Silos = "--silos";
    public const string Placement = "--placement";
    public const string Otlp = "--otlp";
    public const string Traces = "--traces";
    public const string TraceBytes = "--trace-bytes";
    public const string SampleRatio = "--sample-ratio";
    public const string SpansPerTrace = "--spans-per-trace";
    public const string LockWaitThreshold = "--lock-wait-threshold";
    public const string FaultThreshold = "--fault-threshold";
    public const string FaultRetries = "--fault-retries";
    public const string PromotedPerSecond = "--promoted-per-second";
    public const string ProbeTimeout = "--probe-timeout";
    public const string HostLease = "--host-lease";
    public const string ResponseTimeout = "--response-timeout";
    public const string Seed = "--seed";
    public const string PreemptionShare = "--preemption-share";
    public const string LogLevel = "--log-level";

    /// <summary>The silo has the Orleans dashboard.</summary>
    public const string Dashboard = "--dashboard";

    /// <summary>A file of settings: JSON, a key for each option.</summary>
    public const string Config = "--config";

    /// <summary>The silo ends when its standard input does, that is, with the process that started it, however that ends.</summary>
    public const string ExitWithStdin = "--exit-with-stdin";

    /// <summary>The silo takes orders of a driver's nemesis on standard input.</summary>
    public const string Faults = "--faults";

    /// <summary>Seconds that a driver waits for the silos of a cluster.</summary>
    public const string JoinTimeout = "--join-timeout";

    /// <summary>All settings of silos.</summary>
    public static IReadOnlyList<string> OfSilos { get; } =
    [
        SiloName, ClusterId, SiloPort, GatewayPort, PagePort, HealthPort, Listen, Advertise, AdvertisePages, SecretFile,
        TlsCertificate, TlsKey, TlsAuthority, Redis, Silos, StartTimeout, DrainTimeout,
        Primary, JoinAfter, Config, Placement, Seed, PreemptionShare, ProbeTimeout, HostLease, ResponseTimeout,
        Otlp, Traces,
        TraceBytes, SampleRatio, SpansPerTrace,
        LockWaitThreshold, FaultThreshold, FaultRetries, PromotedPerSecond, LogLevel, LogFormat,
        Dashboard, ExitWithStdin, Faults,
    ];

    /// <summary>Settings that drivers have and silos do not: one file may serve both.</summary>
    public static IReadOnlyList<string> OfDrivers { get; } = [JoinTimeout];

    /// <summary>What a silo prints, followed by its name, once it sees the whole cluster.</summary>
    public const string ReadyPrefix = "ready ";

    /// <summary>Exit status when the arguments are wrong or a port is in use.</summary>
    public const int ExitUsage = 64;

    /// <summary>Exit status when the silo itself failed.</summary>
    public const int ExitFailed = 70;

    /// <summary>The arguments that give a silo process these settings.</summary>
    public static IReadOnlyList<string> From(SiloSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        List<string> arguments =
        [
            ClusterId, settings.ClusterId, SiloName, settings.SiloName,
            SiloPort, Text(settings.Ports.Silo), GatewayPort, Text(settings.Ports.Gateway), PagePort, Text(settings.PagePort), Silos,
            Text(settings.Silos),
            Placement, settings.Placement == Grains.Placement.PlacementMode.Packed ? "packed" : "spread",
            SampleRatio, settings.SampleRatio.ToString("R", CultureInfo.InvariantCulture), SpansPerTrace, Text(settings.SpansPerTrace),
            LockWaitThreshold, Text(settings.Thresholds.LockWaitMicroseconds), FaultThreshold, Text(settings.Thresholds.FaultMicroseconds),
            FaultRetries, Text(settings.Thresholds.FaultRetries), PromotedPerSecond, Text(settings.Thresholds.PromotedPerSecond),
            Seed, settings.Seed.ToString(CultureInfo.InvariantCulture),
            PreemptionShare, settings.PreemptionShare.ToString("R", CultureInfo.InvariantCulture),
            DrainTimeout, Text((long)settings.DrainMax.TotalSeconds),
            ResponseTimeout, Text((long)settings.ResponseTimeout.TotalMilliseconds), LogLevel, settings.LogLevel.ToString(),
        ];
        if (!settings.Network.Listen.Equals(IPAddress.Loopback)) arguments.AddRange([Listen, settings.Network.Listen.ToString()]);
        if (settings.Network.Advertise is { } address) arguments.AddRange([Advertise, address.ToString()]);
        if (settings.HealthPort > 0) arguments.AddRange([HealthPort, Text(settings.HealthPort)]);
        if (settings.Dashboard) arguments.Add(Dashboard);
        if (settings.TakesFaults) arguments.Add(Faults);
        if (settings.LogsJson) arguments.AddRange([LogFormat, "json"]);
        if (settings.Network.AdvertisePages is { } pages) arguments.AddRange([AdvertisePages, pages.ToString()]);
        if (settings.PrimaryEndpoint is { } primary) arguments.AddRange([Primary, primary.ToString()]);
        if (settings.JoinAfter is { } before) arguments.AddRange([JoinAfter, before.ToString()]);
        if (settings.Otlp is { } otlp) arguments.AddRange([Otlp, otlp.AbsoluteUri]);
        if (settings.Traces is { } traces) arguments.AddRange([Traces, traces, TraceBytes, Text(settings.TraceBytesMax)]);
        if (settings.ProbeTimeout is { } probe) arguments.AddRange([ProbeTimeout, Text((long)probe.TotalMilliseconds)]);
        arguments.AddRange([HostLease, Text((long)settings.HostLease.TotalMilliseconds)]);
        return arguments;
    }

    /// <summary>What no other user of the machine may read on a command line: the variables that give it to a silo process.</summary>
    public static IReadOnlyDictionary<string, string> EnvironmentOf(SiloSettings settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var variables = new Dictionary<string, string>();
        if (settings.Secret is { } secret) variables[SecretVariable] = secret.Text;
        foreach (var (option, file) in ClusterCertificates.Options.Zip(settings.Certificates?.Files ?? []))
            variables[SettingSources.VariableOf(option)] = file;
        if (settings.Redis is { } redis) variables[SettingSources.VariableOf(Redis)] = redis;
        return variables;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
