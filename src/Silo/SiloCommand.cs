using System.Collections;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Livebed.Grains.Actors;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Security;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.Logging;

namespace Livebed.Silo;

/// <summary>
/// The settings of a silo: <see cref="SiloSettings"/> option by option, from a file, the environment and the command line. What is wrong is
/// said in one line each, with exit status 64.
/// </summary>
internal static class SiloCommand
{
    private static readonly Option<string> ClusterId = new(SiloArguments.ClusterId)
    {
        Description = "silos and clients of one cluster share it",
        DefaultValueFactory = _ => "livebed",
    };

    private static readonly Option<string> SiloName = new(SiloArguments.SiloName)
    {
        Description = "silo-0, silo-1, ...: placement counts in this order",
        Required = true,
    };

    private static readonly Option<int> SiloPort = new(SiloArguments.SiloPort)
    {
        Description = "where other silos connect",
        Required = true,
    };
    private static readonly Option<int> GatewayPort = new(SiloArguments.GatewayPort)
    {
        Description = "where clients connect",
        Required = true,
    };

    private static readonly Option<IPAddress?> Listen = Address(
        SiloArguments.Listen, "where the silo listens; left out, loopback; 0.0.0.0 is every address of the machine");

    private static readonly Option<IPAddress?> Advertise = Address(
        SiloArguments.Advertise, "where others find the silo; left out, where it listens");

    private static readonly Option<IPAddress?> AdvertisePages = Address(
        SiloArguments.AdvertisePages, "where sources of migrations find it; left out, as others do");

    private static readonly Option<string?> Redis = new(SiloArguments.Redis)
    {
        Description = "the Redis with the membership table, as HOST:PORT; the cluster then outlives runs and has no primary",
    };

    private static readonly Option<IPEndPoint?> Primary =
        EndPoint(SiloArguments.Primary, "address:port of the silo with the membership table; left out, this is the one, or Redis has it");

    private static readonly Option<IPEndPoint?> JoinAfter =
        EndPoint(SiloArguments.JoinAfter, "address:port that must have a listener before this silo joins; left out, the primary");

    private static readonly Option<string?> SecretFile = new(SiloArguments.SecretFile)
    {
        Description =
            "a file with what silos and drivers of the cluster prove to each other that they know; LIVEBED_SECRET is the secret itself",
    };

    private static readonly Option<int> HealthPort = new(SiloArguments.HealthPort)
    {
        Description = "where the process says by HTTP how it is (/health/start, /health/ready, /health/live); 0, or left out, nowhere",
    };

    private static readonly Option<int> DrainTimeout = Number(
        SiloArguments.DrainTimeout, "seconds that a silo that is asked to end waits for its VMs to be moved away",
        (int)SiloSettings.UsualDrainMax.TotalSeconds);

    private static readonly Option<string> LogFormat = new(SiloArguments.LogFormat)
    {
        Description = "text or json: how the lines of the log are",
        HelpName = "text|json",
        DefaultValueFactory = _ => "text",
    };

    private static readonly Option<int> StartTimeout = Number(
        SiloArguments.StartTimeout, "seconds for Redis to answer and the cluster to be whole", (int)SiloProgram.StartMax.TotalSeconds);

    private static readonly Option<string?> Config = new(SiloArguments.Config)
    {
        Description = "a JSON file with a key for each option, without the dashes",
    };

    private static readonly Option<int> PagePort = new(SiloArguments.PagePort)
    {
        Description = "where pages of VMs that migrate to this silo arrive; 0, or left out, is a free port, which sources are told",
    };

    private static readonly Option<int> Silos = Number(SiloArguments.Silos, "silos in the cluster: ready when it sees so many", 1);

    private static readonly Option<PlacementMode> Placement = new(SiloArguments.Placement)
    {
        Description = "spread or packed",
        HelpName = "spread|packed",
        DefaultValueFactory = _ => PlacementMode.Spread,
        CustomParser = result => ParsePlacement(result),
    };

    private static readonly Option<Uri?> Otlp = new(SiloArguments.Otlp)
    {
        Description = "where an OpenTelemetry collector listens, as http://127.0.0.1:4317",
        CustomParser = result => Parse<Uri>(
            result, text => Uri.TryCreate(text, UriKind.Absolute, out var url) && url.Scheme is "http" or "https" ? url : null,
            "an http or https URL"),
    };

    private static readonly Option<string?> Traces = new(SiloArguments.Traces)
    {
        Description = "a new file that the spans are written to, in lines of OTLP JSON",
    };

    private static readonly Option<long> TraceBytes = new(SiloArguments.TraceBytes)
    {
        Description = "bytes of it at most",
        DefaultValueFactory = _ => TraceFile.DefaultBytesMax,
    };

    private static readonly Option<double> SampleRatio = new(SiloArguments.SampleRatio)
    {
        Description = "share of root spans that is sampled, 0 to 1",
        DefaultValueFactory = _ => TelemetrySetup.DefaultSampleRatio,
    };

    private static readonly Option<int> SpansPerTrace =
        Number(SiloArguments.SpansPerTrace, "spans this process adds to one trace at most", RootSampler.DefaultSpansPerTrace);

    private static readonly TelemetryThresholds Thresholds = new();

    private static readonly Option<int> LockWaitThreshold =
        Number(SiloArguments.LockWaitThreshold, "microseconds from which a lock wait is a span", (int)Thresholds.LockWaitMicroseconds);

    private static readonly Option<int> FaultThreshold =
        Number(SiloArguments.FaultThreshold, "microseconds from which a fault is a span", (int)Thresholds.FaultMicroseconds);

    private static readonly Option<int> FaultRetries =
        Number(SiloArguments.FaultRetries, "retries from which a fault is a span", Thresholds.FaultRetries);

    private static readonly Option<int> PromotedPerSecond =
        Number(SiloArguments.PromotedPerSecond, "such spans a second at most", Thresholds.PromotedPerSecond);

    private static readonly Option<int> ProbeTimeout =
        Number(SiloArguments.ProbeTimeout, "milliseconds after which a probe of another silo is missed", 1_000);

    private static readonly Option<int> HostLease = Number(
        SiloArguments.HostLease, "milliseconds for which guests run on after the membership table last said that the silo lives",
        (int)SiloSettings.UsualHostLease.TotalMilliseconds);

    private static readonly Option<int> ResponseTimeout =
        Number(SiloArguments.ResponseTimeout, "milliseconds after which the outcome of a grain call is unknown", 30_000);

    private static readonly Option<ulong> Seed = new(SiloArguments.Seed) { Description = "seed of the actors' preemptions" };

    private static readonly Option<double> PreemptionShare = new(SiloArguments.PreemptionShare)
    {
        Description = "share of the model's scheduling points at which an actor gives way, 0 to 1",
        DefaultValueFactory = _ => ClusterWorld.DefaultPreemptionShare,
    };

    private static readonly Option<LogLevel> Level = new(SiloArguments.LogLevel)
    {
        Description = "from which level on the log goes to standard error",
        DefaultValueFactory = _ => LogLevel.Warning,
    };

    private static readonly Option<bool> Dashboard = new(SiloArguments.Dashboard)
    {
        Description = "have the Orleans dashboard, for drivers with --dashboard; each call is then measured once more",
    };

    private static readonly Option<bool> ExitWithStdin = new(SiloArguments.ExitWithStdin)
    {
        Description = "end when standard input does",
    };

    private static readonly Option<bool> Faults = new(SiloArguments.Faults)
    {
        Description = "take orders of a driver's nemesis on standard input",
    };

    private static readonly Option<int>[] Positive =
        [
            SiloPort, GatewayPort, Silos, StartTimeout, DrainTimeout, SpansPerTrace, LockWaitThreshold, FaultThreshold, FaultRetries,
            PromotedPerSecond,
            ProbeTimeout,
            HostLease,
            ResponseTimeout,
        ];

    private static readonly Option[] All =
        [
            SiloName, ClusterId, SiloPort, GatewayPort, PagePort, HealthPort, Listen, Advertise, AdvertisePages, SecretFile,
            .. TlsSettings.Options, Redis, Silos, StartTimeout, DrainTimeout, Primary, JoinAfter, Config, Placement, Seed, PreemptionShare,
            ProbeTimeout, HostLease, ResponseTimeout, Otlp, Traces, TraceBytes, SampleRatio, SpansPerTrace, LockWaitThreshold,
            FaultThreshold, FaultRetries, PromotedPerSecond, Level, LogFormat, Dashboard, ExitWithStdin, Faults,
        ];

    /// <summary>Every setting with what it means, in the order of the documentation.</summary>
    public static IReadOnlyList<(string Name, string? Meaning)> Settings { get; } =
        [.. All.Select(option => (option.Name, option.Description))];

    /// <param name="secret">which no option has; null for none</param>
    /// <param name="certificates">of the files that the options name; null for none</param>
    public static RootCommand Create(ClusterSecret? secret = null, ClusterCertificates? certificates = null)
    {
        var command = new RootCommand(
            "One silo of a Livebed cluster. Prints 'ready NAME' once it sees the whole cluster; ends on SIGTERM or Ctrl-C.");
        foreach (var option in All) command.Add(option);
        foreach (var option in Positive) option.Validators.Add(result => RequireAtLeastOne(result, option));
        Require(SiloPort, port => port <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(GatewayPort, port => port <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(PagePort, port => port is >= 0 and <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(HealthPort, port => port is >= 0 and <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(LogFormat, format => format is "text" or "json", "a log is text or json");
        Require(Silos, silos => silos <= SiloSettings.SilosMax, $"a cluster has at most {SiloSettings.SilosMax} silos");
        Require(TraceBytes, bytes => bytes >= 0, "bytes are not negative");
        Require(SampleRatio, ratio => ratio is >= 0 and <= 1, "a ratio is between 0 and 1");
        Require(PreemptionShare, share => share is >= 0 and <= 1, "a share is between 0 and 1");
        var leaseMin = (int)SiloSettings.HostLeaseMin.TotalMilliseconds;
        Require(HostLease, lease => lease >= leaseMin, $"a lease is renewed three times in its length and is at least {leaseMin}");
        Require(
            SiloName, name => ActorKeys.TryParse(name, out var actor) && actor.Role == ActorRole.SiloProbe,
            "a silo is named silo-0, silo-1, ...");
        Require(ClusterId, ClusterNames.IsValid, $"a cluster's id is {ClusterNames.Form}");
        Require(Redis, redis => RedisMembership.TryParse(redis!) is not null, $"is no address of Redis; allowed: {RedisMembership.Form}");
        command.SetAction((result, _) => SiloProgram.RunAsync(
            SettingsOf(result) with { Secret = secret, Certificates = certificates }, result.GetValue(ExitWithStdin),
            TimeSpan.FromSeconds(result.GetValue(StartTimeout))));
        return command;
    }

    /// <summary>Runs the silo, or says what is wrong with its settings.</summary>
    /// <param name="arguments">the command line</param>
    /// <param name="environment">the process's variables</param>
    public static async Task<int> RunAsync(IReadOnlyList<string> arguments, IDictionary environment)
    {
        SettingSources sources;
        try
        {
            sources = SettingSources.Read(
                arguments, [.. All.Select(option => option.Name)],
                [SiloArguments.Dashboard, SiloArguments.ExitWithStdin, SiloArguments.Faults], SiloArguments.OfDrivers, environment);
        }
        catch (SettingException failure)
        {
            await Console.Error.WriteLineAsync($"livebed-silo: {failure.Message}");
            return SiloArguments.ExitUsage;
        }

        var (secret, problem) = ClusterSecret.Find(
            (string?)environment[SiloArguments.SecretVariable], sources.ValueOf(SiloArguments.SecretFile));
        var (certificates, unusable) = TlsSettings.Find(sources);
        if ((problem ?? unusable) is { } wrong)
        {
            await Console.Error.WriteLineAsync($"livebed-silo: {sources.Explain(wrong)}");
            return SiloArguments.ExitUsage;
        }

        var result = Create(secret, certificates).Parse(sources.Arguments);
        List<string> problems = result.Errors.Count > 0
            ? [.. result.Errors.Select(SettingErrors.Explain)]
            : [.. Whole(result, isGuarded: secret is not null || certificates is not null)];
        if (problems.Count == 0)
            return await result.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        await Console.Error.WriteLineAsync($"livebed-silo: {string.Join("; ", problems.Select(sources.Explain))}");
        return SiloArguments.ExitUsage;
    }

    internal static SiloSettings SettingsOf(ParseResult result) => new()
    {
        ClusterId = result.GetRequiredValue(ClusterId),
        SiloName = result.GetRequiredValue(SiloName),
        Ports = new SiloPorts(result.GetValue(SiloPort), result.GetValue(GatewayPort)),
        Network = Network(result.GetValue(Listen), result.GetValue(Advertise), result.GetValue(AdvertisePages)),
        PagePort = result.GetValue(PagePort),
        HealthPort = result.GetValue(HealthPort),
        DrainMax = TimeSpan.FromSeconds(result.GetValue(DrainTimeout)),
        Dashboard = result.GetValue(Dashboard),
        LogsJson = result.GetValue(LogFormat) == "json",
        Redis = result.GetValue(Redis),
        PrimaryEndpoint = result.GetValue(Primary),
        JoinAfter = result.GetValue(JoinAfter),
        Silos = result.GetValue(Silos),
        Placement = result.GetValue(Placement),
        Otlp = result.GetValue(Otlp),
        Traces = result.GetValue(Traces),
        TraceBytesMax = result.GetValue(TraceBytes),
        SampleRatio = result.GetValue(SampleRatio),
        SpansPerTrace = result.GetValue(SpansPerTrace),
        Thresholds = new TelemetryThresholds
        {
            LockWaitMicroseconds = result.GetValue(LockWaitThreshold),
            FaultMicroseconds = result.GetValue(FaultThreshold),
            FaultRetries = result.GetValue(FaultRetries),
            PromotedPerSecond = result.GetValue(PromotedPerSecond),
        },
        ProbeTimeout = TimeSpan.FromMilliseconds(result.GetValue(ProbeTimeout)),
        HostLease = TimeSpan.FromMilliseconds(result.GetValue(HostLease)),
        ResponseTimeout = TimeSpan.FromMilliseconds(result.GetValue(ResponseTimeout)),
        LogLevel = result.GetValue(Level),
        Seed = result.GetValue(Seed),
        PreemptionShare = result.GetValue(PreemptionShare),
        TakesFaults = result.GetValue(Faults),
    };

    private static SiloNetwork Network(IPAddress? listen, IPAddress? advertise, IPAddress? pages) => new()
    {
        Listen = listen ?? IPAddress.Loopback,
        Advertise = advertise,
        AdvertisePages = pages,
    };

    /// <summary>What does not hold between settings that are right one by one.</summary>
    private static IEnumerable<string> Whole(ParseResult result, bool isGuarded)
    {
        if (result.GetValue(Redis) is not null && result.GetValue(Primary) is not null)
            yield return $"{SiloArguments.Primary}: Redis has the membership table, so there is no primary; allowed: one of both";
        if (result.GetValue(Otlp) is not null && OtlpCertificates.ProblemOf(Environment.GetEnvironmentVariable) is { } unreadable)
            yield return unreadable;
        var network = Network(result.GetValue(Listen), result.GetValue(Advertise), result.GetValue(AdvertisePages));
        if (network.Problem is { } problem) yield return problem;
        else if (network.IsPublic && !isGuarded)
            yield return $"{SiloArguments.Listen} {network.Listen}: other machines could join the cluster; allowed: "
                + $"with {SiloArguments.SecretFile}, {SiloArguments.SecretVariable} or {SiloArguments.TlsCertificate}";
    }

    private static Option<IPAddress?> Address(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "ADDRESS",
        CustomParser = result =>
            Parse<IPAddress>(result, text => IPAddress.TryParse(text, out var address) ? address : null, "an IP address"),
    };

    private static Option<int> Number(string name, string description, int fallback) =>
        new(name) { Description = description, DefaultValueFactory = _ => fallback };

    private static Option<IPEndPoint?> EndPoint(string name, string description) => new(name)
    {
        Description = description,
        CustomParser = result => Parse<IPEndPoint>(
            result, text => IPEndPoint.TryParse(text, out var end) && end.Port > 0 ? end : null, "ADDRESS:PORT"),
    };

    private static void RequireAtLeastOne(OptionResult result, Option<int> option)
    {
        if (TryValue<int>(result, out var value) && value < 1) result.AddError($"{option.Name}: must be at least 1");
    }

    private static void Require<T>(Option<T> option, Func<T, bool> holds, string rule) => option.Validators.Add(result =>
    {
        if (result.Tokens.Count == 1 && TryValue<T>(result, out var value) && !holds(value))
            result.AddError($"{option.Name} {value}: {rule}");
    });

    /// <summary>False for text that is no such value, which the parser says itself afterwards.</summary>
    private static bool TryValue<T>(OptionResult result, [NotNullWhen(true)] out T? value)
    {
        value = default;
        if (result.Errors.Any()) return false;
        try
        {
            value = result.GetValueOrDefault<T>();
            return value is not null;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static PlacementMode ParsePlacement(ArgumentResult result)
    {
        var text = result.Tokens[0].Value;
        if (text is "spread" or "packed") return text == "packed" ? PlacementMode.Packed : PlacementMode.Spread;
        result.AddError($"{SiloArguments.Placement} {text}: placement is spread or packed");
        return default;
    }

    private static T? Parse<T>(ArgumentResult result, Func<string, T?> parse, string expected) where T : class
    {
        var text = result.Tokens.Count == 1 ? result.Tokens[0].Value : string.Empty;
        var value = parse(text);
        if (value is null) result.AddError($"'{text}' is not {expected}");
        return value;
    }
}
