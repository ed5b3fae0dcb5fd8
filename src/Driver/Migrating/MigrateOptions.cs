using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Campaigns;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Migrating;

/// <summary>The options of `migrate`: lists; the table is their product.</summary>
internal sealed class MigrateOptions
{
    private const int CellsMax = 200;
    private const double ShareMax = 4;

    private static readonly string[] _usualWorkloads = ["redis", "sqlite", "xz"];
    private static readonly ValueKind<long> _rate = OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax);

    private readonly Option<string?> _workload = Text(
        "--workload", "LIST", $"recorded traces, or names of shipped ones [{string.Join(',', _usualWorkloads)}]");
    private readonly Option<string?> _dirtyShare = Text(
        "--dirty-share", "LIST", "instead of recordings: constant dirty rates, as shares of the bandwidth, as in 0.1,0.5,0.9,1.1");
    private readonly Option<string?> _bandwidth = Text(
        "--bandwidth", "LIST", "what the link carries [24MiB/s,120MiB/s; 16MiB/s with --dirty-share]");
    private readonly Option<string?> _strategy = Text("--strategy", "LIST", "plain, auto-converge, dirty-limit, post-copy [all]");
    private readonly MigrateSettingOptions _settings = new();
    private readonly Option<string?> _seed = Text("--seed", "S", "of every run [1]");
    private readonly Option<string?> _out = Text("--out", "DIR", "where the run folders are made [runs]");
    private readonly Option<string?> _markdown = Text("--markdown", "FILE", "write the table there too");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/migration.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public MigrateOptions()
    {
        Command = new Command(
            "migrate", "Migrates workloads over links with strategies, and prints what was measured next to what was predicted.");
        Option[] before = [_workload, _dirtyShare, _bandwidth, _strategy];
        foreach (var option in before.Concat(_settings.All).Concat([_seed, _out, _markdown, _json, _quiet, _verbose])) Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public MigrateRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var cells = parsed.GetValue(_dirtyShare) is null ? Recordings(parsed, folders) : SteadyRates(parsed);
        if (cells.Count > CellsMax) throw new UsageException($"migrate: the table has {cells.Count} rows; allowed: {CellsMax}");
        var seed = parsed.GetValue(_seed) is { } text ? Parse(_seed, text, ValueKinds.Long("seed", 0, Campaign.SeedMax)) : 1;
        var markdown = parsed.GetValue(_markdown) is { } file ? Path.GetFullPath(file, folders.Current) : null;
        if (markdown is not null && !Directory.Exists(Path.GetDirectoryName(markdown)))
            throw new UsageException(
                $"--markdown {parsed.GetValue(_markdown)}: its folder does not exist; allowed: a file in a folder that does");
        return new MigrateRequest(
            cells, seed, Path.GetFullPath(parsed.GetValue(_out) ?? "runs", folders.Current), markdown, parsed.GetValue(_json),
            parsed.GetValue(_quiet), _settings.ReadGoals(parsed));
    }

    private List<MigrateCell> Recordings(ParseResult parsed, CampaignFolders folders)
    {
        var strategies = List(parsed, _strategy, ValueKinds.Enum<MigrationStrategy>()) ?? [.. Enum.GetValues<MigrationStrategy>()];
        var bandwidths = List(parsed, _bandwidth, _rate) ?? [24L << 20, 120L << 20];
        var settings = _settings.Read(parsed, strategies);
        return
        [
            .. from workload in Names(parsed)
               let trace = folders.FindWorkload(workload)
                   ?? throw new UsageException($"--workload {workload}: there is no such file; allowed: "
                       + $"a recorded trace (campaigns/workloads/README.md)")
               from bandwidth in bandwidths
               from strategy in strategies
               select MigrateCell.Replay(NameOf(workload), folders.Label(trace), bandwidth, strategy, settings),
        ];
    }

    private List<MigrateCell> SteadyRates(ParseResult parsed)
    {
        if (parsed.GetValue(_workload) is { } workload)
            throw new UsageException($"--workload {workload}: the workload is given twice; allowed: --workload or --dirty-share");
        if (parsed.GetValue(_strategy) is { } strategy)
            throw new UsageException($"--strategy {strategy}: means nothing here; allowed: without --dirty-share, which is always plain");
        if (_settings.GivenOf(parsed) is { } given)
            throw new UsageException($"{given.Name} {parsed.GetValue(given)}: means nothing here; allowed: without --dirty-share");
        var shares = List(parsed, _dirtyShare, ValueKinds.Number("share", 0.01, ShareMax))!;
        var bandwidths = List(parsed, _bandwidth, _rate) ?? [16L << 20];
        return [.. from bandwidth in bandwidths from share in shares select MigrateCell.AtRate(share, bandwidth)];
    }

    private string[] Names(ParseResult parsed)
    {
        if (parsed.GetValue(_workload) is not { } given) return _usualWorkloads;
        var names = given.Split(',', StringSplitOptions.TrimEntries);
        return names.All(name => name.Length > 0)
            ? names
            : throw new UsageException(
                $"--workload '{given}': a workload has no name; allowed: recorded traces, or names of shipped ones, with commas between");
    }

    /// <summary>A path as a name: redis of traces/redis.dirty.gz.</summary>
    private static string NameOf(string workload) => Path.GetFileName(workload).Split('.')[0];

    private static List<T>? List<T>(ParseResult parsed, Option<string?> option, ValueKind<T> kind) =>
        parsed.GetValue(option)?.Split(',', StringSplitOptions.TrimEntries).Select(text => Parse(option, text, kind)).ToList();

    private static T Parse<T>(Option<string?> option, string text, ValueKind<T> kind) =>
        kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `migrate` was asked for.</summary>
/// <param name="Cells">in the order of the table</param>
/// <param name="Seed">of every run</param>
/// <param name="OutputFolder">where the run folders are made</param>
/// <param name="Markdown">file that the table is written to; null for none</param>
/// <param name="Json">print JSON and nothing else</param>
/// <param name="Quiet">print no progress, only the table</param>
/// <param name="Goals">of every row; null for none</param>
internal sealed record MigrateRequest(IReadOnlyList<MigrateCell> Cells, long Seed, string OutputFolder, string? Markdown, bool Json,
    bool Quiet = false, MigrateGoals? Goals = null);

/// <summary>What is done about a guest that writes faster than the link carries; the names are those of `predict`'s strategies.</summary>
internal enum MigrationStrategy : byte
{
    /// <summary>Nothing: rounds until it fits, or the time limit.</summary>
    Plain,

    /// <summary>Every vCPU sleeps for a share of its time.</summary>
    AutoConverge,

    /// <summary>Every vCPU dirties at most a quarter of what the link carries.</summary>
    DirtyLimit,

    /// <summary>Over to post-copy after the first round.</summary>
    PostCopy,
}
