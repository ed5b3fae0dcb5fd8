using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Host;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Benching;

/// <summary>The options of `bench` and its parts; each is checked here, before anything is started.</summary>
internal sealed class BenchOptions
{
    private const int RoundsMax = 100;
    private static readonly TimeSpan _windowMin = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _windowMax = TimeSpan.FromMinutes(1);

    private const long MemoryMin = 1L << 20;
    private const long MemoryMax = 1L << 36;
    private const int PageSizeMin = 512;
    private const int MovesMax = 100;

    private static readonly MigrationParameters _usual = new();

    private readonly Option<string?> _memory = Text("--memory", "1GiB", "guest memory that is moved [1GiB]");
    private readonly Option<string?> _pageSize = Text("--page-size", "4096", "bytes of a page [4096]");
    private readonly Option<string?> _channels = Text("--channels", "N", $"channels of the migration [{_usual.Channels}]");
    private readonly Option<string?> _moves = Text("--moves", "N", "migrations that are measured, to and fro [9]");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/bench.md)" };
    private readonly Option<bool> _quiet = new("--quiet") { Description = "print no progress, only what comes out" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    private readonly Option<string?> _rounds = Text("--rounds", "N", "how often both sides have their turn [7]");
    private readonly Option<string?> _window = Text("--window", "1s", "of one side in one round [1s]");
    private readonly Option<string?> _vms = Text("--vms", "N", "no more VMs than so many, of `scale` [10000]");
    private readonly Option<string?> _warmUp = Text("--warm-up", "5s", "of both sides before the first round [5s]");
    private readonly Argument<string> _first = new("first") { Description = "a result, as `bench --json` prints it" };
    private readonly Argument<string> _second = new("second") { Description = "another one" };

    public BenchOptions()
    {
        Migrate = new Command("migrate", "Moves a VM between two silos and holds the time against that of raw loopback TCP.")
        {
            _memory, _pageSize, _channels, _moves, _json, _quiet, _verbose,
        };
        Compare = new Command("compare", "Holds two saved results beside each other.") { _first, _second, _verbose };
        All = RatioPart("all", "Measures everything; of migrations, `migrate` tells more.");
        Ratios = [.. RatioCommand.Benches.Select(bench => (RatioPart(bench.Name, $"Measures {bench.Summary}."), bench))];
        Command = new Command("bench", "Measures the bed itself.") { All, Migrate, Compare };
        foreach (var (command, _) in Ratios) Command.Add(command);
    }

    public Command Command { get; }

    public Command Migrate { get; }

    public Command All { get; }

    public Command Compare { get; }

    /// <summary>What is measured against something bare.</summary>
    public IReadOnlyList<(Command Command, IRatioBench Bench)> Ratios { get; }

    public bool IsJson(ParseResult parsed) => parsed.GetValue(_json);

    public bool IsQuiet(ParseResult parsed) => parsed.GetValue(_quiet);

    public (string First, string Second) Files(ParseResult parsed) => (parsed.GetValue(_first)!, parsed.GetValue(_second)!);

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public RatioRequest ReadRatio(ParseResult parsed) => new(
        Value(parsed, _rounds, ValueKinds.Integer("rounds", 1, RoundsMax)) ?? 7,
        Value(parsed, _window, ValueKinds.Duration(_windowMin, _windowMax)) ?? TimeSpan.FromSeconds(1),
        Value(parsed, _warmUp, ValueKinds.Duration(TimeSpan.Zero, _windowMax)) ?? TimeSpan.FromSeconds(5))
    {
        VmsMax = Value(parsed, _vms, ValueKinds.Integer("VMs", 100, 10_000)),
    };

    /// <exception cref="UsageException">A value is not allowed.</exception>
    public BenchRequest Read(ParseResult parsed)
    {
        var pageSize = Value(parsed, _pageSize, ValueKinds.PowerOfTwo("bytes", PageSizeMin, FramePool.PageSizeMax)) ?? 4096;
        var memory = Value(parsed, _memory, ValueKinds.Size(MemoryMin, MemoryMax)) ?? 1L << 30;
        if (memory % pageSize != 0)
            throw new UsageException(
                $"--memory {parsed.GetValue(_memory)}: is no whole number of pages; allowed: multiples of {pageSize} bytes");
        return new BenchRequest
        {
            Memory = memory,
            PageSize = pageSize,
            Channels = Value(parsed, _channels, ValueKinds.Integer("channels", 1, MigrationParameters.ChannelsMax)) ?? _usual.Channels,
            Moves = Value(parsed, _moves, ValueKinds.Integer("moves", 1, MovesMax)) ?? 9,
            Json = parsed.GetValue(_json),
            Quiet = parsed.GetValue(_quiet),
        };
    }

    private Command RatioPart(string name, string summary)
    {
        var part = new Command(name, summary) { _rounds, _window, _warmUp, _json, _quiet, _verbose };
        if (name is "all" or ScaleBench.PartName) part.Add(_vms);
        return part;
    }

    private static T? Value<T>(ParseResult parsed, Option<string?> option, ValueKind<T> kind) where T : struct
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `bench migrate` was asked for, checked.</summary>
internal sealed record BenchRequest
{
    /// <summary>Bytes of guest memory that are moved: whole pages.</summary>
    public required long Memory { get; init; }

    public required int PageSize { get; init; }
    public required int Channels { get; init; }

    /// <summary>Migrations that are measured, one after the other.</summary>
    public required int Moves { get; init; }

    public required bool Json { get; init; }

    /// <summary>Print no progress.</summary>
    public bool Quiet { get; init; }

    public long Pages => Memory / PageSize;
}
