using System.Globalization;

namespace Livebed.Grains.Hosting;

/// <summary>The command line of Livebed.Silo, in one place for its writers and its reader.</summary>
public static class SiloArguments
{
    public const string ClusterId = "--cluster-id";
    public const string SiloName = "--silo-name";
    public const string SiloPort = "--silo-port";
    public const string GatewayPort = "--gateway-port";
    public const string PagePort = "--page-port";
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
    public const string ResponseTimeout = "--response-timeout";
    public const string Seed = "--seed";
    public const string PreemptionShare = "--preemption-share";
    public const string LogLevel = "--log-level";

    /// <summary>The silo ends when its standard input does, that is, with the process that started it, however that ends.</summary>
    public const string ExitWithStdin = "--exit-with-stdin";

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
            ResponseTimeout, Text((long)settings.ResponseTimeout.TotalMilliseconds), LogLevel, settings.LogLevel.ToString(),
        ];
        if (settings.PrimaryEndpoint is { } primary) arguments.AddRange([Primary, primary.ToString()]);
        if (settings.JoinAfter is { } before) arguments.AddRange([JoinAfter, before.ToString()]);
        if (settings.Otlp is { } otlp) arguments.AddRange([Otlp, otlp.AbsoluteUri]);
        if (settings.Traces is { } traces) arguments.AddRange([Traces, traces, TraceBytes, Text(settings.TraceBytesMax)]);
        if (settings.ProbeTimeout is { } probe) arguments.AddRange([ProbeTimeout, Text((long)probe.TotalMilliseconds)]);
        return arguments;
    }

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
