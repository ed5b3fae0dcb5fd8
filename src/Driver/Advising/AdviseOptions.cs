using System.CommandLine;
using Livebed.Driver.CampaignFiles;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Driver.Predicting;
using Livebed.Kvm.Prediction;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.Advising;

/// <summary>The options of `advise`; each is checked here.</summary>
internal sealed class AdviseOptions
{
    private const long UsualChannelBandwidth = 900_000_000;
    private const double UsualMargin = 0.1;
    private const double MarginMax = 0.9;

    private static readonly TimeSpan _usualDowntime = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _usualTime = TimeSpan.FromSeconds(120);

    private readonly GuestOptions _guest = new("advise", "--workload", hasArgument: true, isQemu: true);
    private readonly Option<string?> _link = Text("--link", "10Gbit/s", "what the link carries; it must be given");
    private readonly Option<string?> _bandwidth = Text("--bandwidth", "1GiB/s", "max-bandwidth of every setting; 0 is no cap [0]");
    private readonly Option<string?> _channelBandwidth = Text(
        "--channel-bandwidth", "900MB/s", "what one stream, or one channel of multifd, carries at most [900MB/s]");
    private readonly Option<string?> _margin = Text(
        "--link-margin", "0.1", "the limits are kept also where so much of the link is missing, as by headers and other traffic [0.1]");
    private readonly Option<string?> _downtime = Text("--downtime", "300ms", "the guest stands still for no longer, all counted [300ms]");
    private readonly Option<string?> _time = Text(
        "--time", "120s", "it is over by then, or in so long for each GiB of memory, as in 150s/GiB [120s]");
    private readonly Option<string?> _version = QemuOptions.VersionOption();
    private readonly Option<bool> _json = new("--json") { Description = "print one JSON object and nothing else (docs/your-vm.md)" };
    private readonly Option<bool> _verbose = new("--verbose") { Description = "show where an error came from" };

    public AdviseOptions()
    {
        Command = new Command("advise", "Says which settings of QEMU move a guest within given limits, the cheapest first.");
        _guest.AddTo(Command);
        foreach (var option in new Option[]
                 {
                     _link, _bandwidth, _channelBandwidth, _margin, _downtime, _time, _version, _json, _verbose,
                 })
            Command.Add(option);
    }

    public Command Command { get; }

    /// <exception cref="UsageException">A value is not allowed, or the trace cannot be read.</exception>
    public AdviseRequest Read(ParseResult parsed, CampaignFolders folders)
    {
        var rate = OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax);
        var link = parsed.Value(_link, rate)
            ?? throw new UsageException("advise: nothing says how fast the link is; allowed: with --link, as in --link 10Gbit/s");
        var guest = _guest.Read(parsed, folders, isQemu: true);
        var downtime = parsed.Microseconds(_downtime, TimeSpan.FromMilliseconds(2), TimeSpan.FromHours(1))
            ?? (long)_usualDowntime.TotalMicroseconds;
        var time = parsed.Value(_time, OperatorUnits.TimeLimit(TimeSpan.FromMilliseconds(1), TimeSpan.FromDays(7), hasNone: false))
            ?? new TimeLimit(_usualTime, IsPerGib: false);
        return new AdviseRequest
        {
            Guest = guest,
            Qemu = new QemuSettings
            {
                LinkBandwidth = link,
                Version = QemuOptions.VersionOf(parsed, _version),
                IsZeroFromTrace = guest.IsZeroFromTrace,
            },
            Bandwidth = parsed.Value(_bandwidth, OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax, "no cap")) ?? 0,
            ChannelBandwidth = parsed.Value(_channelBandwidth, rate) ?? UsualChannelBandwidth,
            LinkMargin = parsed.Value(_margin, ValueKinds.Number("share", 0, MarginMax)) ?? UsualMargin,
            Limits = new AdviceLimits(downtime, time.MicrosecondsOf(guest.MemoryBytes)),
            Json = parsed.GetValue(_json),
        };
    }
}

/// <summary>What `advise` was asked for, checked.</summary>
internal sealed record AdviseRequest
{
    public required GuestRequest Guest { get; init; }

    /// <summary>With the whole link.</summary>
    public required QemuSettings Qemu { get; init; }

    /// <summary>Of every setting, bytes a second; 0 for no cap.</summary>
    public required long Bandwidth { get; init; }

    public required long ChannelBandwidth { get; init; }

    /// <summary>Share of the link that may be missing.</summary>
    public required double LinkMargin { get; init; }

    public required AdviceLimits Limits { get; init; }

    public required bool Json { get; init; }
}
