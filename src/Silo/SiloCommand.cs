using System.CommandLine;
using System.CommandLine.Parsing;
using System.Net;
using Livebed.Grains.Actors;
using Livebed.Grains.Hosting;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Microsoft.Extensions.Logging;

namespace Livebed.Silo;

/// <summary>
/// The command line of a silo: <see cref="SiloSettings"/> option by option. What is wrong is said in one line each, with exit status 64.
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

    private static readonly Option<IPEndPoint?> Primary =
        EndPoint(SiloArguments.Primary, "address:port of the silo with the membership table; left out, this is the one");

    private static readonly Option<IPEndPoint?> JoinAfter =
        EndPoint(SiloArguments.JoinAfter, "address:port that must have a listener before this silo joins; default: the primary");

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

    private static readonly Option<bool> ExitWithStdin = new(SiloArguments.ExitWithStdin)
    {
        Description = "end when standard input does",
    };

    private static readonly Option<int>[] Positive =
        [
            SiloPort, GatewayPort, Silos, SpansPerTrace, LockWaitThreshold, FaultThreshold, FaultRetries, PromotedPerSecond, ProbeTimeout,
            ResponseTimeout,
        ];

    public static RootCommand Create()
    {
        var command = new RootCommand(
            "One silo of a Livebed cluster. Prints 'ready NAME' once it sees the whole cluster; ends on SIGTERM or Ctrl-C.");
        Option[] others = [ClusterId, SiloName, PagePort, Primary, JoinAfter, Placement, Otlp, Traces, TraceBytes, SampleRatio, Seed,
            PreemptionShare, Level, ExitWithStdin];
        foreach (var option in others.Concat(Positive)) command.Add(option);
        foreach (var option in Positive) option.Validators.Add(result => RequireAtLeastOne(result, option));
        Require(SiloPort, port => port <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(GatewayPort, port => port <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(PagePort, port => port is >= 0 and <= IPEndPoint.MaxPort, "a port is at most 65535");
        Require(Silos, silos => silos <= SiloSettings.SilosMax, $"a cluster has at most {SiloSettings.SilosMax} silos");
        Require(TraceBytes, bytes => bytes >= 0, "bytes are not negative");
        Require(SampleRatio, ratio => ratio is >= 0 and <= 1, "a ratio is between 0 and 1");
        Require(PreemptionShare, share => share is >= 0 and <= 1, "a share is between 0 and 1");
        Require(
            SiloName, name => ActorKeys.TryParse(name, out var actor) && actor.Role == ActorRole.SiloProbe,
            "a silo is named silo-0, silo-1, ...");
        command.SetAction((result, _) => SiloProgram.RunAsync(Settings(result), result.GetValue(ExitWithStdin)));
        return command;
    }

    /// <summary>Runs the silo, or says what is wrong with the arguments.</summary>
    public static async Task<int> RunAsync(this ParseResult result)
    {
        if (result.Errors.Count == 0)
            return await result.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
        foreach (var error in result.Errors) await Console.Error.WriteLineAsync($"livebed-silo: {error.Message}");
        return SiloArguments.ExitUsage;
    }

    internal static SiloSettings Settings(ParseResult result) => new()
    {
        ClusterId = result.GetRequiredValue(ClusterId),
        SiloName = result.GetRequiredValue(SiloName),
        Ports = new SiloPorts(result.GetValue(SiloPort), result.GetValue(GatewayPort)),
        PagePort = result.GetValue(PagePort),
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
        ResponseTimeout = TimeSpan.FromMilliseconds(result.GetValue(ResponseTimeout)),
        LogLevel = result.GetValue(Level),
        Seed = result.GetValue(Seed),
        PreemptionShare = result.GetValue(PreemptionShare),
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
        if (result.Errors.Any() || result.GetValueOrDefault<int>() >= 1) return;
        result.AddError($"{option.Name}: must be at least 1");
    }

    private static void Require<T>(Option<T> option, Func<T, bool> holds, string rule) => option.Validators.Add(result =>
    {
        if (!result.Errors.Any() && result.Tokens.Count == 1 && result.GetValueOrDefault<T>() is { } value && !holds(value))
            result.AddError($"{option.Name} {value}: {rule}");
    });

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
