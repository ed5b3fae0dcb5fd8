using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.World;

namespace Livebed.Driver.Predicting;

/// <summary>The options of `predict`; each is checked here, before the forecast.</summary>
internal sealed class PredictOptions
{
    private const long MemoryMax = 1L << 40;

    private static readonly TimeSpan _usualTimeLimit = TimeSpan.FromSeconds(60);
    private static readonly MigrationParameters _usual = new();

    private readonly Option<string?> _workload = Text("--workload", "FILE", "a recorded trace, or the name of a shipped one, as in redis");
    private readonly Option<string?> _dirtyRate = Text(
        "--dirty-rate", "512MiB/s", "instead of a trace: distinct bytes that the guest writes in a second");
    private readonly Option<string?> _workingSet = Text(
        "--working-set", "64MiB", "with --dirty-rate: what the guest writes to, again and again [all of the memory, in turn]");
    private readonly Option<string?> _memory = Text("--memory", "1GiB", "RAM of the guest [what the trace writes to]");
    private readonly Option<string?> _pageSize = Text("--page-size", "4KiB", "bytes of a guest page, whatever was recorded [the trace's]");
    private readonly Option<string?> _zeroShare = Text("--zero-share", "0.5", "share of the memory that is zero at the start [0]");
    private readonly Option<string?> _bandwidth = Text("--bandwidth", "1GiB/s", "what the link carries, over all channels [1GiB/s]");
    private readonly Option<string?> _downtime = Text("--downtime", "300ms", "the downtime limit [300ms]");
    private readonly Option<string?> _switchoverCost = Text("--switchover-cost", "5ms", "downtime beside the pages [0us]");
    private readonly Option<string?> _timeLimit = Text("--time-limit", "60s", "at most so long altogether [60s]");
    private readonly Option<string?> _roundsMax = Text("--rounds-max", "N", $"at most so many rounds [{_usual.RoundsMax}]");
    private readonly Option<string?> _channels = Text(
        "--channels", "N", $"channels, each with a chunk of its own under way [{_usual.Channels}]");
    private readonly Option<string?> _chunk = Text("--chunk", "PAGES", $"pages that are cleared and sent together [{_usual.BatchPages}]");
    private readonly Option<string?> _clear = Text(
        "--clear", "manual-protect|plain", "when dirty bits are cleared: chunk by chunk, or all at the sync [manual-protect]");
    private readonly Option<string?> _throttle = Text(
        "--throttle", "none|auto-converge|dirty-limit", "how the guest is slowed down [none]");
    private readonly Option<string?> _dirtyLimit = Text(
        "--vcpu-dirty-limit", "1MiB/s", "dirty-limit: what a vCPU may dirty in a second [1MiB/s]");
    private readonly Option<string?> _vcpus = Text("--vcpus", "N", "vCPUs of the guest [1]");
    private readonly Option<bool> _postcopy = new("--postcopy") { Description = "go over to post-copy" };
    private readonly Option<string?> _postcopyAfter = Text("--postcopy-after", "ROUNDS", "with --postcopy: after so many rounds [1]");
    private readonly Option<string?> _speed = Text("--speed", "1", "recorded seconds that the guest replays in one [1]");
    private readonly Option<string?> _start = Text("--start", "2s", "where in the recording the migration begins [0us]");
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/migration.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public PredictOptions()
    {
        Command = new Command("predict", "Forecasts a migration from what a guest writes: rounds, bytes, time and downtime.");
        foreach (var option in new Option[]
        {
            _workload, _dirtyRate, _workingSet, _memory, _pageSize, _zeroShare, _bandwidth, _downtime, _switchoverCost, _timeLimit,
            _roundsMax, _channels, _chunk,
            _clear, _throttle, _dirtyLimit, _vcpus, _postcopy, _postcopyAfter, _speed, _start, _json, _verbose,
        }) Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed, or the trace cannot be read.</exception>
    public PredictRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var parameters = ParametersOf(parsed);
        var timeline = TimelineOf(parsed, folders);
        var settings = SettingsOf(parsed, timeline);
        return new PredictRequest
        {
            WorkloadName = parsed.GetValue(_workload) ?? "",
            Timeline = timeline,
            Writes = timeline is null ? WritesOf(parsed, settings) : null,
            Parameters = parameters,
            Settings = settings,
            Json = parsed.GetValue(_json),
        };
    }

    private MigrationParameters ParametersOf(ParseResult parsed)
    {
        var throttle = Value(parsed, _throttle, ValueKinds.Enum<ThrottleKind>()) ?? ThrottleKind.None;
        Needs(parsed, _dirtyLimit, throttle == ThrottleKind.DirtyLimit, "with --throttle dirty-limit");
        var isPostcopy = parsed.GetValue(_postcopy);
        Needs(parsed, _postcopyAfter, isPostcopy, "with --postcopy");
        var chunk = Value(parsed, _chunk, ValueKinds.PowerOfTwo("pages", 64, PageChunk.PagesMax)) ?? _usual.BatchPages;
        return _usual with
        {
            MaxBandwidth = Value(parsed, _bandwidth, ValueKinds.ByteRate(1 << 10, ConvergenceLimits.BandwidthMax)) ?? _usual.MaxBandwidth,
            DowntimeLimitMicroseconds = Microseconds(parsed, _downtime, TimeSpan.Zero, TimeSpan.FromHours(1))
                ?? _usual.DowntimeLimitMicroseconds,
            TimeLimitMicroseconds = Microseconds(parsed, _timeLimit, TimeSpan.FromMilliseconds(1), TimeSpan.FromMinutes(10))
                ?? (long)_usualTimeLimit.TotalMicroseconds,
            RoundsMax = Value(parsed, _roundsMax, ValueKinds.Integer("rounds", 1, MigrationParameters.RoundsLimit)) ?? _usual.RoundsMax,
            Channels = Value(parsed, _channels, ValueKinds.Integer("channels", 1, MigrationParameters.ChannelsMax)) ?? _usual.Channels,
            BatchPages = chunk,
            Throttle = throttle,
            VcpuDirtyLimit = Value(parsed, _dirtyLimit, ValueKinds.ByteRate(1 << 10, ConvergenceLimits.BandwidthMax))
                ?? _usual.VcpuDirtyLimit,
            PostcopyAfterRounds = isPostcopy
                ? Value(parsed, _postcopyAfter, ValueKinds.Integer("rounds", 1, MigrationParameters.RoundsLimit)) ?? 1
                : 0,
        };
    }

    private DirtyTimeline? TimelineOf(ParseResult parsed, CampaignFolders folders)
    {
        var rate = parsed.GetValue(_dirtyRate);
        if (parsed.GetValue(_workload) is not { } given)
        {
            Needs(parsed, _start, false, "with --workload");
            return rate is not null
                ? null
                : throw new UsageException("predict: there is no workload; allowed: --workload FILE, or --dirty-rate with --memory");
        }

        Needs(parsed, _workingSet, false, "with --dirty-rate");
        if (rate is not null)
            throw new UsageException($"--dirty-rate {rate}: the workload is given twice; allowed: --workload or --dirty-rate");
        var path = folders.FindWorkload(given)
            ?? throw new UsageException($"--workload {given}: there is no such file; allowed: "
                + $"a recorded trace (campaigns/workloads/README.md)");
        try
        {
            return DirtyTimeline.Load(path);
        }
        catch (TraceFormatException e)
        {
            throw new UsageException($"--workload {given}: {e.Message}");
        }
    }

    private ForecastSettings SettingsOf(ParseResult parsed, DirtyTimeline? timeline)
    {
        var pageSize = (int)(Value(parsed, _pageSize, ValueKinds.Size(512, 1 << 30)) ?? timeline?.Header.PageSize ?? 4096);
        if (!int.IsPow2(pageSize))
            throw new UsageException($"--page-size {parsed.GetValue(_pageSize)}: is not a power of two; allowed: 512B to 1GiB, as in 4KiB");
        return new ForecastSettings
        {
            PageSize = pageSize,
            MemoryPages = MemoryPagesOf(parsed, timeline, pageSize),
            ZeroShare = Value(parsed, _zeroShare, ValueKinds.Share()) ?? 0,
            SwitchoverCostMicroseconds = Microseconds(parsed, _switchoverCost, TimeSpan.Zero, TimeSpan.FromMinutes(1)) ?? 0,
            Clear = Value(parsed, _clear, ValueKinds.Enum<DirtyLogClear>()) ?? DirtyLogClear.ManualProtect,
            Vcpus = Value(parsed, _vcpus, ValueKinds.Integer("vcpus", 1, OperationId.VcpusMax)) ?? 1,
            Speed = Value(parsed, _speed, ValueKinds.Number("speed", 0.001, 20)) ?? 1,
            StartMicroseconds = Microseconds(parsed, _start, TimeSpan.Zero, TimeSpan.FromDays(1)) ?? 0,
        };
    }

    private long MemoryPagesOf(ParseResult parsed, DirtyTimeline? timeline, int pageSize)
    {
        var least = (timeline?.Pages ?? 1) * pageSize;
        if (Value(parsed, _memory, ValueKinds.Size(1, MemoryMax)) is not { } memory)
            return timeline?.Pages
                ?? throw new UsageException($"--dirty-rate {parsed.GetValue(_dirtyRate)}: a rate has no memory of its own; allowed: "
                    + $"with --memory SIZE");
        if (memory < least || memory / pageSize > ForecastSettings.PagesMax || memory % pageSize != 0)
        {
            var most = ValueKinds.Size(1, MemoryMax).Format(Math.Min(MemoryMax, ForecastSettings.PagesMax * pageSize));
            var wrong = memory < least
                ? "is less than the workload writes to"
                : memory % pageSize != 0
                ? "is no whole number of pages"
                : "has too many pages";
            throw new UsageException(
                $"--memory {parsed.GetValue(_memory)}: {wrong}; allowed: whole pages, "
                    + $"{ValueKinds.Size(1, MemoryMax).Format(least)} to {most}");
        }

        return memory / pageSize;
    }

    private WorkingSet WritesOf(ParseResult parsed, ForecastSettings settings)
    {
        var rate = Value(parsed, _dirtyRate, ValueKinds.ByteRate(0, ConvergenceLimits.BandwidthMax)) ?? 0;
        var memory = settings.MemoryPages * settings.PageSize;
        var hot = Value(parsed, _workingSet, ValueKinds.Size(settings.PageSize, memory));
        return new WorkingSet(
            (double)rate / settings.PageSize, hot is { } bytes ? (double)bytes / settings.PageSize : double.PositiveInfinity);
    }

    private static void Needs(ParseResult parsed, Option<string?> option, bool isMet, string allowed)
    {
        if (!isMet && parsed.GetValue(option) is { } text)
            throw new UsageException($"{option.Name} {text}: means nothing here; allowed: {allowed}");
    }

    private static long? Microseconds(ParseResult parsed, Option<string?> option, TimeSpan min, TimeSpan max) =>
        Value(parsed, option, ValueKinds.Duration(min, max)) is { } time ? (long)time.TotalMicroseconds : null;

    private static T? Value<T>(ParseResult parsed, Option<string?> option, ValueKind<T> kind) where T : struct
    {
        if (parsed.GetValue(option) is not { } text) return null;
        return kind.Parse(text, out var value) is { } problem
            ? throw new UsageException($"{option.Name} {text}: {problem}; allowed: {kind.Allowed}")
            : value;
    }

    private static Option<string?> Text(string name, string value, string summary) => new(name) { HelpName = value, Description = summary };
}

/// <summary>What `predict` was asked for, checked: a trace, or writes at a constant rate.</summary>
internal sealed record PredictRequest
{
    /// <summary>The trace as it was given; empty for writes at a constant rate.</summary>
    public required string WorkloadName { get; init; }

    /// <summary>Null for writes at a constant rate.</summary>
    public required DirtyTimeline? Timeline { get; init; }

    /// <summary>Null for a trace.</summary>
    public required WorkingSet? Writes { get; init; }

    public required MigrationParameters Parameters { get; init; }

    /// <summary>With the pages of the memory.</summary>
    public required ForecastSettings Settings { get; init; }

    public required bool Json { get; init; }

    public IForecastWorkload Workload => Timeline is { } timeline ? timeline : new SteadyWorkload(Writes!.Value);
}
