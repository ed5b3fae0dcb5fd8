using System.CommandLine;
using System.Globalization;
using System.Net;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Clusters;
using Livebed.Driver.CommandLine;
using Livebed.Driver.Errors;
using Livebed.Driver.Reports;
using Livebed.Driver.Running;
using Livebed.Grains.Telemetry;

namespace Livebed.Driver.Run;

/// <summary>
/// The options of `run`. Those that stand for a key of the campaign are nothing but a shorter <c>--set</c>: they become
/// <see cref="Override"/>s and are checked where all keys are.
/// </summary>
internal sealed class RunOptions
{
    private const string UsualInterval = "10s";

    private readonly Argument<string> _campaign = new("campaign")
    {
        Description = "a campaign file, or the name of a shipped one (livebed list campaigns)",
        Arity = ArgumentArity.ZeroOrOne,
        DefaultValueFactory = _ => "default",
    };

    private readonly (string Key, Option<string?> Option)[] _keys =
    [
        ("silos", Text("--silos", "N", "silos of the cluster")),
        ("protocol", Text("--protocol", "P", "the notifier protocol (livebed list protocols)")),
        ("mutant", Text("--mutant", "M", "run with a defect (livebed list mutants)")),
        ("placement", Text("--placement", "spread|packed", "where the grains of a VM live")),
        ("duration", Text("--duration", "30s", "how long operations are started")),
        ("seed", Text("--seed", "S", "decides every draw of the campaign")),
        ("nemesis.interval", Text("--nemesis-interval", "10s", "from the beginning of a fault to that of the next")),
    ];

    private readonly Option<string?> _nemesis = Text(
        "--nemesis", "kill,partition", "make faults of machines and of the network, of these kinds (docs/campaigns.md)");

    private readonly Option<string[]> _set = new("--set")
    {
        Description = "set any key of the campaign, as in --set vms.0.vcpus=4 (docs/campaigns.md)",
        HelpName = "key=value",
        Arity = ArgumentArity.OneOrMore,
    };

    private readonly Option<bool> _processes = new("--processes")
    {
        Description = "one process for each silo instead of an embedded cluster",
    };
    private readonly Option<bool> _connect = new("--connect")
    {
        Description = "run on a cluster that is there already (docs/cluster.md)",
    };
    private readonly ConnectionOptions _connection = new();
    private readonly Option<string?> _port = Text(
        "--port", "BASE", "the silos listen on BASE and the ports after it, two for each [free ports]");
    private readonly Option<string?> _out = Text("--out", "DIR", "where the run folder is made [runs]");
    private readonly Option<string?> _otlp = Text("--otlp", "URL", "send traces and metrics there, as in http://localhost:4317");
    private readonly Option<string?> _jaeger = JaegerUi.Option();
    private readonly Option<bool> _view = new("--view")
    {
        Description = "show traces, metrics and logs in a viewer, which is fetched once, until Ctrl-C",
    };
    private readonly Option<bool> _dashboard = new("--dashboard")
    {
        Description = "show the Orleans dashboard of the cluster while it stands (docs/telemetry.md)",
    };
    private readonly Option<bool> _json = new("--json") { Description = "print results.json and nothing else" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show the silos' logs, and where an error came from" };

    public RunOptions()
    {
        Command = new Command("run", "Runs a campaign on a cluster and gives a verdict.") { _campaign };
        foreach (var (_, option) in _keys) Command.Add(option);
        foreach (var option in new Option[] { _nemesis, _set, _processes, _connect, _port }) Command.Add(option);
        foreach (var option in _connection.All) Command.Add(option);
        Option[] others = [_out, _otlp, _jaeger, _view, _dashboard, _json, _quiet, _verbose];
        foreach (var option in others) Command.Add(option);
    }

    public Command Command { get; }

    /// <param name="parsed">the command line, which has no errors</param>
    /// <param name="arguments">as they were typed</param>
    /// <param name="environment">with the folder that a relative output folder is relative to</param>
    public RunRequest Read(ParseResult parsed, IReadOnlyList<string> arguments, CommandEnvironment environment)
    {
        var overrides = new List<Override>();
        foreach (var (key, option) in _keys)
        {
            if (parsed.GetValue(option) is { } value) overrides.Add(new($"{option.Name} {value}", key, value));
        }

        overrides.AddRange(Nemesis(parsed.GetValue(_nemesis), overrides));
        if (parsed.GetValue(_view) && parsed.GetValue(_otlp) is { } both)
            throw new UsageException($"--otlp {both}: the viewer of --view is the collector; allowed: one of the two");
        if ((parsed.GetValue(_view) || parsed.GetValue(_otlp) is not null)
            && OtlpCertificates.ProblemOf(Environment.GetEnvironmentVariable) is { } problem)
            throw new UsageException(problem);
        overrides.AddRange((parsed.GetValue(_set) ?? []).Select(Override.Parse));
        return new(
            arguments,
            parsed.GetValue(_campaign)!,
            overrides,
            Path.GetFullPath(parsed.GetValue(_out) ?? "runs", environment.Folders.Current),
            new RunnerOptions(
                parsed.GetValue(_processes), Endpoint(parsed.GetValue(_otlp)), parsed.GetValue(_verbose), Port(parsed.GetValue(_port)))
            {
                Connection = Connection(parsed, environment),
            },
            parsed.GetValue(_json), parsed.GetValue(_quiet), parsed.GetValue(_view), JaegerUi.Read(parsed.GetValue(_jaeger)),
            parsed.GetValue(_dashboard));
    }

    /// <summary>The cluster, or with --processes the Redis for its table. Null where the run needs neither.</summary>
    private ClusterConnection? Connection(ParseResult parsed, CommandEnvironment environment)
    {
        var (connects, processes) = (parsed.GetValue(_connect), parsed.GetValue(_processes));
        if (connects && processes)
            throw new UsageException("--connect: the cluster has its processes already; allowed: --connect or --processes");
        if (connects && parsed.GetValue(_port) is { } port)
            throw new UsageException($"--port {port}: the silos of a cluster listen already; allowed: --connect without --port");
        if (connects) return _connection.Read(parsed, environment);
        if (_connection.FirstGiven(parsed) is not { } given) return null;
        if (processes && parsed.GetValue(_connection.Redis) is not null) return _connection.Read(parsed, environment);
        throw new UsageException($"{given}: the run uses no cluster; allowed: with --connect, and --redis with --processes");
    }

    /// <summary>Each kind once before all are drawn again, whatever the file says of kinds.</summary>
    private static IEnumerable<Override> Nemesis(string? kinds, IReadOnlyList<Override> overrides)
    {
        if (kinds is null) yield break;
        var known = NemesisSettings.Sentences.Keys.ToList();
        var given = kinds.Split(',', StringSplitOptions.TrimEntries);
        if (given.FirstOrDefault(kind => !known.Contains(kind)) is { } wrong)
            throw new UsageException($"--nemesis {kinds}: '{wrong}' is no fault; allowed: {string.Join(",", known)}, or some of them");
        foreach (var kind in known) yield return new($"--nemesis {kinds}", $"nemesis.mix.{kind}", given.Contains(kind) ? "1" : "0");
        if (!overrides.Any(one => one.Path == "nemesis.interval"))
            yield return new($"--nemesis {kinds}", "nemesis.interval", UsualInterval);
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };

    private static int? Port(string? text)
    {
        if (text is null) return null;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var port) && port is >= 1 and <= IPEndPoint.MaxPort)
            return port;
        throw new UsageException($"--port {text}: is no port; allowed: 1 to {IPEndPoint.MaxPort}");
    }

    private static Uri? Endpoint(string? text)
    {
        if (text is null) return null;
        if (Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https") return uri;
        throw new UsageException($"--otlp {text}: is no address; allowed: an http or https URL, as in http://localhost:4317");
    }
}

/// <summary>A `run` command line, parsed but not yet checked against the campaign.</summary>
internal sealed record RunRequest(
    IReadOnlyList<string> Arguments, string Campaign, IReadOnlyList<Override> Overrides, string OutputFolder, RunnerOptions Runner,
    bool Json, bool Quiet = false, bool View = false, Uri? Jaeger = null,
    bool Dashboard = false);
