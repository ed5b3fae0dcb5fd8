using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.Predicting;

/// <summary>The options of `predict`; each is checked here, before the forecast.</summary>
internal sealed class PredictOptions
{
    private static readonly TimeSpan _usualTimeLimit = TimeSpan.FromSeconds(60);
    private static readonly MigrationParameters _usual = new();

    private readonly GuestOptions _guest = new("predict", "--workload", hasArgument: true, isQemu: false);
    private readonly Option<string?> _as = Text(
        "--as", "livebed|qemu", "whose migration it is: that of our own sender, or QEMU's [livebed]");
    private readonly Option<string?> _bandwidth = Text(
        "--bandwidth", "1GiB/s", "what the link carries, over all channels; with --link a cap, and 0 none [1GiB/s]");
    private readonly Option<string?> _downtime = Text("--downtime", "300ms", "the downtime limit [300ms]");
    private readonly Option<string?> _timeLimit = Text(
        "--time-limit", "60s", "at most so long altogether, or for each GiB of memory, as in 150s/GiB; 0 is no limit [60s]");
    private readonly Option<string?> _roundsMax = Text("--rounds-max", "N", $"at most so many rounds [{_usual.RoundsMax}]");
    private readonly Option<string?> _channels = Text(
        "--channels", "N", $"channels, each with a chunk of its own under way [{_usual.Channels}; as qemu none of multifd]");
    private readonly Option<string?> _chunk = Text(
        "--chunk", "PAGES", $"pages that are cleared together [{_usual.BatchPages}; as qemu {QemuSettings.UsualClearChunkPages}]");
    private readonly Option<string?> _clear = Text(
        "--clear", "manual-protect|plain", "when dirty bits are cleared: chunk by chunk, or all at the sync [manual-protect]");
    private readonly Option<string?> _throttle = Text(
        "--throttle", "none|auto-converge|dirty-limit", "how the guest is slowed down [none]");
    private readonly Option<string?> _dirtyLimit = Text(
        "--vcpu-dirty-limit", "1MiB/s", "dirty-limit: what a vCPU may dirty in a second [1MiB/s]");
    private readonly Option<bool> _postcopy = new("--postcopy") { Description = "go over to post-copy" };
    private readonly Option<string?> _postcopyAfter = Text("--postcopy-after", "ROUNDS", "with --postcopy: after so many rounds [1]");
    private readonly Option<string?> _start = Text("--start", "2s", "where in the recording the migration begins [0us]");
    private readonly SenderCostOption _senderCosts = new();
    private readonly QemuOptions _qemu = new();
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/migration.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public PredictOptions()
    {
        Command = new Command("predict", "Forecasts a migration from what a guest writes: rounds, bytes, time and downtime.");
        _guest.AddTo(Command);
        Option[] options =
        [
            _as, _bandwidth, .. _qemu.All, _downtime, _timeLimit, _roundsMax, _channels, _chunk, _clear, _throttle, _dirtyLimit, _postcopy,
            _postcopyAfter, _start, _senderCosts.Option, _json, _verbose,
        ];
        foreach (var option in options) Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed, or the trace cannot be read.</exception>
    public PredictRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var sender = parsed.Value(_as, ValueKinds.Enum<ForecastSender>()) ?? ForecastSender.Livebed;
        var parameters = ParametersOf(parsed, sender);
        var isQemu = sender == ForecastSender.Qemu;
        var guest = _guest.Read(parsed, folders, isQemu);
        parsed.Needs(_start, guest.Timeline is not null, "with --workload");
        var settings = guest.Settings with
        {
            Clear = parsed.Value(_clear, ValueKinds.Enum<DirtyLogClear>()) ?? DirtyLogClear.ManualProtect,
            StartMicroseconds = parsed.Microseconds(_start, TimeSpan.Zero, TimeSpan.FromDays(1)) ?? 0,
        };
        if (isQemu)
        {
            parsed.Needs(_senderCosts.Option, false, "with --as livebed");
            settings = settings with { Qemu = QemuSettingsOf(parsed, parameters, guest.IsZeroFromTrace) };
        }
        else
        {
            _qemu.RefuseAll(parsed);
            settings = WithCosts(settings, _senderCosts.Read(parsed, guest.Timeline is not null), _guest.HasSwitchoverCost(parsed));
        }

        return new PredictRequest
        {
            Guest = guest,
            Parameters = parameters with { TimeLimitMicroseconds = TimeLimitOf(parsed, guest.MemoryBytes) },
            Settings = settings,
            Questions = isQemu ? _qemu.ReadQuestions(parsed, guest.MemoryBytes) : null,
            IsFromAStart = parsed.GetValue(_start) is not null,
            Json = parsed.GetValue(_json),
        };
    }

    /// <summary>What is said of the switchover alone comes first.</summary>
    private static ForecastSettings WithCosts(ForecastSettings settings, SenderCosts costs, bool hasSwitchoverCost) => settings with
    {
        Sender = costs,
        SwitchoverCostMicroseconds = hasSwitchoverCost ? settings.SwitchoverCostMicroseconds : costs.SwitchoverMicroseconds,
    };

    private QemuSettings QemuSettingsOf(ParseResult parsed, MigrationParameters parameters, bool isZeroFromTrace)
    {
        var channels = parsed.GetValue(_channels) is null ? (int?)null : parameters.Channels;
        return _qemu.Read(parsed, parameters, _bandwidth, channels) with
        {
            ClearChunkPages = parsed.Value(_chunk, ValueKinds.PowerOfTwo("pages", 64, 1 << 30)) ?? QemuSettings.UsualClearChunkPages,
            IsZeroFromTrace = isZeroFromTrace,
        };
    }

    private long TimeLimitOf(ParseResult parsed, double memoryBytes) =>
        (parsed.Value(_timeLimit, OperatorUnits.TimeLimit(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(7)))
            ?? new TimeLimit(_usualTimeLimit, IsPerGib: false)).MicrosecondsOf(memoryBytes);

    /// <summary>0 for no cap.</summary>
    private long BandwidthOf(ParseResult parsed, ForecastSender sender)
    {
        var isQemu = sender == ForecastSender.Qemu;
        if (parsed.GetValue(_bandwidth) is null) return isQemu && _qemu.HasLink(parsed) ? 0 : _usual.MaxBandwidth;
        if (!isQemu && parsed.GetValue(_bandwidth) == "0")
            throw new UsageException(
                "--bandwidth 0: is no cap, and nothing else says how fast the link is; allowed: with --as qemu and --link");
        return parsed.Value(_bandwidth, OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax, isQemu ? "no cap" : null))!.Value;
    }

    private MigrationParameters ParametersOf(ParseResult parsed, ForecastSender sender)
    {
        var throttle = parsed.Value(_throttle, ValueKinds.Enum<ThrottleKind>()) ?? ThrottleKind.None;
        parsed.Needs(_dirtyLimit, throttle == ThrottleKind.DirtyLimit, "with --throttle dirty-limit");
        var isPostcopy = parsed.GetValue(_postcopy);
        parsed.Needs(_postcopyAfter, isPostcopy, "with --postcopy");
        var chunk = sender == ForecastSender.Qemu
            ? null
            : parsed.Value(_chunk, ValueKinds.PowerOfTwo("pages", 64, PageChunk.PagesMax));
        return _usual with
        {
            MaxBandwidth = BandwidthOf(parsed, sender),
            DowntimeLimitMicroseconds = parsed.Microseconds(_downtime, TimeSpan.Zero, TimeSpan.FromHours(1))
                ?? _usual.DowntimeLimitMicroseconds,
            RoundsMax = parsed.Value(_roundsMax, ValueKinds.Integer("rounds", 1, MigrationParameters.RoundsLimit)) ?? _usual.RoundsMax,
            Channels = parsed.Value(_channels, ValueKinds.Integer("channels", 1, MigrationParameters.ChannelsMax)) ?? _usual.Channels,
            BatchPages = chunk ?? _usual.BatchPages,
            Throttle = throttle,
            VcpuDirtyLimit = parsed.Value(_dirtyLimit, OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax))
                ?? _usual.VcpuDirtyLimit,
            PostcopyAfterRounds = isPostcopy
                ? parsed.Value(_postcopyAfter, ValueKinds.Integer("rounds", 1, MigrationParameters.RoundsLimit)) ?? 1
                : 0,
        };
    }
}

/// <summary>What `predict` was asked for, checked: a trace, or writes at a constant rate.</summary>
internal sealed record PredictRequest
{
    public required GuestRequest Guest { get; init; }

    public required MigrationParameters Parameters { get; init; }

    /// <summary>Those of the guest, and how it is migrated.</summary>
    public required ForecastSettings Settings { get; init; }

    /// <summary>Null for our own sender.</summary>
    public QemuQuestions? Questions { get; init; }

    /// <summary>The migration begins where the user says, and its forecast is the answer; otherwise all starts are.</summary>
    public bool IsFromAStart { get; init; }

    public required bool Json { get; init; }

    public IForecastWorkload Workload => Guest.Workload;

    /// <summary>Null for writes at a constant rate.</summary>
    public DirtyTimeline? Timeline => Guest.Timeline;
}

/// <summary>Whose migration is forecast.</summary>
internal enum ForecastSender : byte
{
    /// <summary>Our own sender, as `migrate` and campaigns run it.</summary>
    Livebed,

    Qemu,
}
