using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Prediction;
using Livebed.Kvm.World;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.Predicting;

/// <summary>The options that say what a guest is and what it writes, for each command that forecasts: a trace, or a constant
/// rate.</summary>
internal sealed class GuestOptions
{
    /// <summary>Device state and the way to the destination and back, as measured with QEMU 7.2 over loopback.</summary>
    public const long QemuSwitchoverCostMicroseconds = 1_500;

    private const long MemoryMax = 1L << 40;

    private readonly string _command;
    private readonly Argument<string?> _argument = new("trace")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "a recorded trace, or the name of a shipped one, as in redis",
    };

    private readonly bool _hasArgument;
    private readonly Option<string?> _trace;
    private readonly Option<string?> _dirtyRate = Text(
        "--dirty-rate", "512MiB/s", "instead of a trace: distinct bytes that the guest writes in a second");
    private readonly Option<string?> _workingSet = Text(
        "--working-set", "64MiB", "with --dirty-rate: what the guest writes to, again and again [all of the memory, in turn]");
    private readonly Option<string?> _memory = Text("--memory", "1GiB", "RAM of the guest [what the trace writes to]");
    private readonly Option<string?> _pageSize = Text("--page-size", "4KiB", "bytes of a guest page, whatever was recorded [the trace's]");
    private readonly Option<string?> _zeroShare;
    private readonly Option<string?> _switchoverCost;
    private readonly Option<string?> _vcpus = Text("--vcpus", "N", "vCPUs of the guest [1]");
    private readonly Option<string?> _speed = Text("--speed", "1", "recorded seconds that the guest replays in one [1]");

    /// <param name="command">whose options they are</param>
    /// <param name="traceOption">the option that names the trace</param>
    /// <param name="hasArgument">whether an argument may name it</param>
    /// <param name="isQemu">whether QEMU's loop is the only one</param>
    public GuestOptions(string command, string traceOption, bool hasArgument, bool isQemu)
    {
        (_command, _hasArgument) = (command, hasArgument);
        _trace = Text(traceOption, "FILE", hasArgument ? "the same as an option" : _argument.Description!);
        _zeroShare = Text(
            "--zero-share", "0.5", "share of the memory that is zero at the start "
                + (isQemu ? "[what the trace says, or never writes to]" : "[0; as qemu what the trace says, or never writes to]"));
        _switchoverCost = Text(
            "--switchover-cost", "5ms", $"downtime beside the pages [{(isQemu ? "1500us" : "that of --sender-costs; 1500us as qemu")}]");
    }

    public IEnumerable<Option> All => [_trace, _dirtyRate, _workingSet, _memory, _pageSize, _zeroShare, _switchoverCost, _vcpus, _speed];

    public void AddTo(Command command)
    {
        if (_hasArgument) command.Add(_argument);
        foreach (var option in All) command.Add(option);
    }

    /// <exception cref="UsageException">A value is not allowed, or the trace cannot be read.</exception>
    public GuestRequest Read(ParseResult parsed, CampaignFolders folders, bool isQemu)
    {
        var timeline = TimelineOf(parsed, folders);
        var settings = SettingsOf(parsed, timeline, isQemu);
        return new GuestRequest(
            NameOf(parsed) ?? "", timeline, timeline is null ? WritesOf(parsed, settings) : null, settings,
            IsZeroFromTrace: parsed.GetValue(_zeroShare) is null);
    }

    public bool HasSwitchoverCost(ParseResult parsed) => parsed.GetValue(_switchoverCost) is not null;

    private string? NameOf(ParseResult parsed) => (_hasArgument ? parsed.GetValue(_argument) : null) ?? parsed.GetValue(_trace);

    private DirtyTimeline? TimelineOf(ParseResult parsed, CampaignFolders folders)
    {
        var rate = parsed.GetValue(_dirtyRate);
        var argument = _hasArgument ? parsed.GetValue(_argument) : null;
        if (argument is not null) parsed.Needs(_trace, false, $"without {argument}, which is a trace too");
        if (NameOf(parsed) is not { } given)
            return rate is not null
                ? null
                : throw new UsageException(
                    $"{_command}: there is no workload; allowed: {_trace.Name} FILE, or --dirty-rate with --memory");
        parsed.Needs(_workingSet, false, "with --dirty-rate");
        if (rate is not null)
            throw new UsageException($"--dirty-rate {rate}: the workload is given twice; allowed: {_trace.Name} or --dirty-rate");
        var source = argument is null ? _trace.Name : _command;
        var path = folders.FindWorkload(given)
            ?? throw new UsageException($"{source} {given}: there is no such file; allowed: "
                + $"a recorded trace (campaigns/workloads/README.md)");
        try
        {
            return DirtyTimeline.Load(path);
        }
        catch (TraceFormatException e)
        {
            throw new UsageException($"{source} {given}: {e.Message}");
        }
    }

    private ForecastSettings SettingsOf(ParseResult parsed, DirtyTimeline? timeline, bool isQemu)
    {
        var pageSize = (int)(parsed.Value(_pageSize, OperatorUnits.Size(512, 1 << 30)) ?? timeline?.Header.PageSize ?? 4096);
        if (!int.IsPow2(pageSize))
            throw new UsageException($"--page-size {parsed.GetValue(_pageSize)}: is not a power of two; allowed: 512B to 1GiB, as in 4KiB");
        return new ForecastSettings
        {
            PageSize = pageSize,
            MemoryPages = MemoryPagesOf(parsed, timeline, pageSize),
            ZeroShare = parsed.Value(_zeroShare, ValueKinds.Share()) ?? 0,
            SwitchoverCostMicroseconds = parsed.Microseconds(_switchoverCost, TimeSpan.Zero, TimeSpan.FromMinutes(1))
                ?? (isQemu ? QemuSwitchoverCostMicroseconds : 0),
            Vcpus = parsed.Value(_vcpus, ValueKinds.Integer("vcpus", 1, OperationId.VcpusMax)) ?? 1,
            Speed = parsed.Value(_speed, ValueKinds.Number("speed", 0.001, 20)) ?? 1,
        };
    }

    private long MemoryPagesOf(ParseResult parsed, DirtyTimeline? timeline, int pageSize)
    {
        var least = (timeline?.Pages ?? 1) * pageSize;
        if (parsed.Value(_memory, OperatorUnits.Size(1, MemoryMax)) is not { } memory)
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
        var rate = parsed.Value(_dirtyRate, OperatorUnits.Rate(0, ConvergenceLimits.BandwidthMax)) ?? 0;
        var memory = settings.MemoryPages * settings.PageSize;
        var hot = parsed.Value(_workingSet, OperatorUnits.Size(settings.PageSize, memory));
        return new WorkingSet(
            (double)rate / settings.PageSize, hot is { } bytes ? (double)bytes / settings.PageSize : double.PositiveInfinity);
    }
}

/// <summary>A guest that was asked about, checked.</summary>
/// <param name="Name">the trace as it was given; empty for writes at a constant rate</param>
/// <param name="Timeline">null for writes at a constant rate</param>
/// <param name="Writes">null for a trace</param>
/// <param name="Settings">with the pages of the memory</param>
/// <param name="IsZeroFromTrace">no share of zero pages was given</param>
internal sealed record GuestRequest(
    string Name, DirtyTimeline? Timeline, WorkingSet? Writes, ForecastSettings Settings, bool IsZeroFromTrace)
{
    public IForecastWorkload Workload => Timeline is { } timeline ? timeline : new SteadyWorkload(Writes!.Value);

    public double MemoryBytes => (double)Settings.MemoryPages * Settings.PageSize;

    /// <summary>How it is named to people.</summary>
    public string Title
    {
        get
        {
            if (Timeline is { } timeline) return timeline.Header.Name;
            var writes = Writes!.Value;
            var rate = $"writes of {Terminal.Figures.Bytes(writes.PagesPerSecond * Settings.PageSize)}/s";
            return double.IsInfinity(writes.HotPages)
                ? rate
                : $"{rate} to {Terminal.Figures.Bytes(writes.HotPages * Settings.PageSize)}";
        }
    }

    /// <summary>The forecasts were more work than they may be.</summary>
    public UsageException TooMuch(ForecastBudgetException exception) => new(
        $"{(Timeline is null ? "--dirty-rate" : $"--workload {Name}")}: {exception.Message}; allowed: a shorter recording, one that writes "
            + "less, or a lower --speed, --time-limit, --rounds-max or --parallel");
}
