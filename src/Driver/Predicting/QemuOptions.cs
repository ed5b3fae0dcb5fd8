using System.CommandLine;
using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Errors;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using static Livebed.Driver.Predicting.OptionValues;

namespace Livebed.Driver.Predicting;

/// <summary>The options that only a forecast as QEMU does it has.</summary>
internal sealed class QemuOptions
{
    public const int ParallelMax = 1024;

    private const int VersionMax = 99;

    private readonly Option<string?> _version = VersionOption();
    private readonly Option<string?> _link = Text(
        "--link", "10Gbit/s", "what the link carries; --bandwidth is a cap below it, and not in the stop phase [--bandwidth]");
    private readonly Option<string?> _switchover = Text("--switchover-bandwidth", "10Gbit/s", "speed of the stop phase [--link]");
    private readonly Option<string?> _avail = Text(
        "--avail-switchover-bandwidth", "10Gbit/s", "the parameter of that name, from 8.2 on [what was measured]");
    private readonly Option<string?> _channelBandwidth = Text(
        "--channel-bandwidth", "900MB/s", "what a channel carries at most, of the link [no bound]");
    private readonly Option<string?> _timeoutAction = Text(
        "--timeout-action", "cancel|suspend|postcopy|suspend-at-low", "what is done at the time limit [cancel]");
    private readonly Option<string?> _parallel = Text("--parallel", "N", "migrations of such VMs that share the link [1]");
    private readonly Option<string?> _noProgress = Text(
        "--no-progress", "150s", "count the starts that a rule 'no new low of what remains for so long' aborts [no rule]");
    private readonly Option<string?> _ksmMerged = Text(
        "--ksm-merged", "1GiB", "what KSM shares of the guest's memory at the source (ksm_merging_pages) [0B]");

    public IEnumerable<Option<string?>> All =>
        [_version, _link, _switchover, _avail, _channelBandwidth, _timeoutAction, _parallel, _noProgress, _ksmMerged];

    /// <exception cref="UsageException">One of them is given although our own sender is asked for.</exception>
    public void RefuseAll(ParseResult parsed)
    {
        foreach (var option in All) parsed.Needs(option, false, "with --as qemu");
    }

    /// <param name="parsed">the command line</param>
    /// <param name="parameters">of the migration; 0 is no cap</param>
    /// <param name="bandwidth">the option with the cap</param>
    /// <param name="channels">that were asked for; null without multifd</param>
    /// <exception cref="UsageException">A value is not allowed.</exception>
    public QemuSettings Read(ParseResult parsed, MigrationParameters parameters, Option<string?> bandwidth, int? channels)
    {
        var rate = OperatorUnits.Rate(1 << 10, ConvergenceLimits.BandwidthMax);
        var version = VersionOf(parsed, _version);
        parsed.Needs(_avail, version.HasAvailSwitchoverBandwidth, "with --qemu-version 8.2 or later");
        if (parameters.Throttle == ThrottleKind.DirtyLimit && !version.HasDirtyLimit)
            throw new UsageException(
                $"--throttle dirty-limit: QEMU {version} has no such capability; allowed: --qemu-version 8.1 or later");
        if (parsed.Value(_link, rate) is not { } link)
        {
            if (parameters.MaxBandwidth == 0)
                throw new UsageException(
                    $"{bandwidth.Name} 0: is no cap, and nothing says how fast the link is; allowed: with --link, as in --link 10Gbit/s");
            link = parameters.MaxBandwidth;
        }

        if (parsed.Value(_channelBandwidth, rate) is { } channel) link = Math.Min(link, channel * (channels ?? 1));
        return new QemuSettings
        {
            LinkBandwidth = link,
            SwitchoverBandwidth = parsed.Value(_switchover, rate) ?? 0,
            AvailSwitchoverBandwidth = parsed.Value(_avail, rate) ?? 0,
            Version = version,
            TimeoutAction = parsed.Value(_timeoutAction, ValueKinds.Enum<ForecastTimeoutAction>()) ?? ForecastTimeoutAction.Cancel,
        };
    }

    public QemuQuestions ReadQuestions(ParseResult parsed, double memoryBytes) => new(
        parsed.Value(_parallel, ValueKinds.Integer("migrations", 1, ParallelMax)) ?? 1,
        parsed.Microseconds(_noProgress, TimeSpan.FromMilliseconds(100), TimeSpan.FromDays(1)),
        parsed.Value(_ksmMerged, OperatorUnits.Size(0, (long)memoryBytes)) ?? 0);

    public static Option<string?> VersionOption() => Text("--qemu-version", "7.2", $"whose loop it is [{QemuVersion.Newest}]");

    /// <exception cref="UsageException">It is no version, or an older one.</exception>
    public static QemuVersion VersionOf(ParseResult parsed, Option<string?> option) =>
        parsed.Value(option, Version()) ?? QemuVersion.Newest;

    /// <summary>Whether the link is named, so that a cap below it need not be.</summary>
    public bool HasLink(ParseResult parsed) => parsed.GetValue(_link) is not null;

    private static ValueKind<QemuVersion> Version()
    {
        return new("version", $"{QemuVersion.Oldest} or later, as in 8.2", Parse, version => version.ToString());

        static string? Parse(string text, out QemuVersion value)
        {
            value = default;
            var parts = text.Split('.');
            if (parts.Length is < 2 or > 3 || !parts.All(part => part.Length is 1 or 2 && part.All(char.IsAsciiDigit)))
                return $"'{text}' is not a version";
            value = new QemuVersion(int.Parse(parts[0], null), int.Parse(parts[1], null));
            return value < QemuVersion.Oldest || value.Major > VersionMax ? $"{text} is out of range" : null;
        }
    }
}

/// <summary>What else was asked of a forecast as QEMU does it.</summary>
/// <param name="Parallel">migrations of such VMs that are to be done</param>
/// <param name="NoProgressMicroseconds">of a rule that aborts; null for none</param>
/// <param name="KsmMergedBytes">of the guest's memory that the source shares</param>
internal sealed record QemuQuestions(int Parallel, long? NoProgressMicroseconds, long KsmMergedBytes);
