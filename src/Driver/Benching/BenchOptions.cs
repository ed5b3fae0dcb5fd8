using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Host;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Benching;

/// <summary>The options of `bench migrate`; each is checked here, before anything is started.</summary>
internal sealed class BenchOptions
{
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
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public BenchOptions()
    {
        Migrate = new Command("migrate", "Moves a VM between two silos and holds the time against that of raw loopback TCP.")
        {
            _memory, _pageSize, _channels, _moves, _json, _verbose,
        };
        Command = new Command("bench", "Measures the bed itself.") { Migrate };
    }

    public Command Command { get; }

    public Command Migrate { get; }

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
        };
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

    public long Pages => Memory / PageSize;
}
