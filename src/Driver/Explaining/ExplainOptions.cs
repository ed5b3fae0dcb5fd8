using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.Explaining;

/// <summary>The options of `explain`; each is checked here.</summary>
internal sealed class ExplainOptions
{
    private const long DowntimeLimitMicroseconds = 300_000;

    private readonly Argument<string?> _log = new("log")
    {
        Arity = ArgumentArity.ZeroOrOne,
        Description = "replies of query-migrate, output of virsh domjobinfo, or QEMU's trace events",
    };

    private readonly GuestOptions _guest = new("explain", "--trace", hasArgument: false, isQemu: true);
    private readonly Option<string?> _link = Text("--link", "10Gbit/s", "what the link carries by its name [--bandwidth]");
    private readonly Option<string?> _bandwidth = Text(
        "--bandwidth", "1GiB/s",
        "max-bandwidth as it was set; 0 is no cap [--link; without both the most that a round of the log carried]");
    private readonly Option<string?> _downtime = Text("--downtime", "300ms", "downtime-limit as it was set [300ms]");
    private readonly Option<string?> _throttle = Text("--throttle", "none|auto-converge|dirty-limit", "as it was set [none]");
    private readonly Option<string?> _version = QemuOptions.VersionOption();
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/your-vm.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public ExplainOptions()
    {
        Command = new Command("explain", "Holds the log of a real migration against the forecast, round by round, and says why it departs.")
        {
            _log,
        };
        _guest.AddTo(Command);
        foreach (var option in new Option[] { _link, _bandwidth, _downtime, _throttle, _version, _json, _verbose }) Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed, or a file cannot be read.</exception>
    public ExplainRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var name = parsed.GetValue(_log)
            ?? throw new UsageException("explain: there is no log; allowed: a file with replies of query-migrate, "
                + "output of virsh domjobinfo, "
                + "or QEMU's trace events");
        var rate = OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax);
        var link = parsed.Value(_link, rate);
        var bandwidth = parsed.Value(_bandwidth, OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax, "no cap"));
        if (bandwidth == 0 && link is null)
            throw new UsageException("--bandwidth 0: is no cap, and nothing says how fast the link is; allowed: with --link");
        var downtime = parsed.Microseconds(_downtime, TimeSpan.Zero, TimeSpan.FromHours(1)) ?? DowntimeLimitMicroseconds;
        var throttle = parsed.Value(_throttle, ValueKinds.Enum<ThrottleKind>()) ?? ThrottleKind.None;
        var version = QemuOptions.VersionOf(parsed, _version);
        var guest = _guest.Read(parsed, folders, isQemu: true);
        var measured = MigrationLog.Read(name, folders.Current);
        var isMeasured = link is null && bandwidth is null;
        var carried = measured.Rounds.Select(round => round.Bandwidth).Where(one => one > 0).DefaultIfEmpty(null).Max();
        if (isMeasured && carried is null)
            throw new UsageException(
                $"explain {name}: no round of it says how many bytes went; allowed: with --link or --bandwidth");
        var linkBandwidth = link ?? bandwidth ?? (long)Math.Max(1 << 10, carried!.Value);
        return new ExplainRequest
        {
            LogName = name,
            Measured = measured,
            Guest = guest,
            Parameters = new MigrationParameters
            {
                MaxBandwidth = bandwidth ?? 0,
                DowntimeLimitMicroseconds = downtime,
                Throttle = throttle,
                TimeLimitMicroseconds = (long)(Math.Max(10_000, measured.Moments[^1].Milliseconds * 2) * 1e3),
            },
            Qemu = new QemuSettings { LinkBandwidth = linkBandwidth, Version = version, IsZeroFromTrace = guest.IsZeroFromTrace },
            IsBandwidthMeasured = isMeasured,
            Json = parsed.GetValue(_json),
        };
    }
}

/// <summary>What `explain` was asked for, checked.</summary>
internal sealed record ExplainRequest
{
    public required string LogName { get; init; }

    public required MeasuredMigration Measured { get; init; }

    public required GuestRequest Guest { get; init; }

    public required MigrationParameters Parameters { get; init; }

    public required QemuSettings Qemu { get; init; }

    /// <summary>Nothing was said of the link: it is what the log's fastest round carried.</summary>
    public required bool IsBandwidthMeasured { get; init; }

    public required bool Json { get; init; }

    /// <summary>Bytes a second of the rounds, by name.</summary>
    public double BytesPerSecond =>
        Parameters.MaxBandwidth == 0 ? Qemu.LinkBandwidth : Math.Min(Parameters.MaxBandwidth, Qemu.LinkBandwidth);

    /// <summary>Milliseconds by which the ends of rounds may be off: the usual gap between moments.</summary>
    public double PollMilliseconds
    {
        get
        {
            var gaps = Measured.Moments.Zip(Measured.Moments.Skip(1), (one, next) => next.Milliseconds - one.Milliseconds);
            return Spread.Of(gaps.Where(gap => gap > 0))?.Median ?? 0;
        }
    }
}
