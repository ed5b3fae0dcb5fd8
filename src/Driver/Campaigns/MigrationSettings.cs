using Livebed.Driver.CampaignKeys;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Campaigns;

/// <summary>
/// Live migrations under load: how often, of how many VMs at a time, and how. The parameters are those of QEMU's
/// <c>migrate-set-parameters</c>, with its defaults (<see cref="MigrationParameters"/>).
/// </summary>
public sealed record MigrationSettings
{
    /// <summary>Migrations that results list one by one, and so the most that a campaign can ask for.</summary>
    public const int CountMax = 1_000;

    /// <summary>More at once would each have next to nothing of the machine.</summary>
    private const int InFlightMax = 64;

    /// <summary>How long a batch's answer takes on a busy machine. A link that carries less than a batch in that time waits for no answer
    /// with a window of one; more would only be read earlier, and be written again more often.</summary>
    private const double AnswerSeconds = 0.05;

    private const int UsualWindowMax = 8;
    private const long PageBytes = 4096;

    private static readonly MigrationParameters _usual = new();

    /// <summary>Migrations per second over all VMs.</summary>
    public double Rate { get; set; }

    /// <summary>The run ends when so many are over; 0 for as many as there is time for.</summary>
    public int Count { get; set; }

    /// <summary>A migration begins no earlier than so long after the guest's program began, on that guest's clock.</summary>
    public TimeSpan Start { get; set; }

    /// <summary>VMs that migrate at once.</summary>
    public int InFlight { get; set; } = 2;

    /// <summary>A VM goes to the next host with room, round robin; else to one drawn among those with room.</summary>
    public bool PingPong { get; set; } = true;

    /// <summary>Share of migrations that are cancelled.</summary>
    public double CancelShare { get; set; }

    /// <summary>The moment of a cancel is drawn evenly from so much time after the beginning.</summary>
    public TimeSpan CancelWithin { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>Share of migrations with a page link that breaks in post-copy, half of them twice.</summary>
    public double LinkBreakShare { get; set; }

    /// <summary>Share of migrations in which the source does not hear that the destination has taken over.</summary>
    public double LostAnswerShare { get; set; }

    /// <summary>A chunk of pages is late by a time drawn evenly from so much.</summary>
    public TimeSpan Jitter { get; set; }

    /// <summary>Bytes a second over all channels of a migration; 0 for no limit.</summary>
    public long MaxBandwidth { get; set; } = _usual.MaxBandwidth;

    /// <summary>Bytes a second of the push in post-copy; 0 for <see cref="MaxBandwidth"/>.</summary>
    public long MaxPostcopyBandwidth { get; set; } = _usual.MaxPostcopyBandwidth;

    /// <summary>Bytes a second from one host to another, over all migrations that go that way; 0 for no limit.</summary>
    public long LinkBandwidth { get; set; }

    /// <summary>Bytes a second with which the rest is taken to go when the guest has stopped; 0 for what was measured.</summary>
    public long AvailSwitchoverBandwidth { get; set; }

    public TimeSpan DowntimeLimit { get; set; } = TimeSpan.FromMicroseconds(_usual.DowntimeLimitMicroseconds);
    public int MultifdChannels { get; set; } = _usual.Channels;

    /// <summary>0 for as many as all channels together fill the link with for <see cref="AnswerSeconds"/>.</summary>
    public int ChannelWindow { get; set; }


    public int RoundsMax { get; set; } = _usual.RoundsMax;
    public ThrottleKind Throttle { get; set; } = _usual.Throttle;
    public int CpuThrottleInitial { get; set; } = _usual.CpuThrottleInitial;
    public int CpuThrottleIncrement { get; set; } = _usual.CpuThrottleIncrement;
    public int MaxCpuThrottle { get; set; } = _usual.MaxCpuThrottle;
    public int ThrottleTriggerThreshold { get; set; } = _usual.ThrottleTriggerThreshold;

    /// <summary>Bytes a second that one vCPU may make dirty.</summary>
    public long VcpuDirtyLimit { get; set; } = _usual.VcpuDirtyLimit;

    /// <summary>0 for never.</summary>
    public int PostcopyAfterRounds { get; set; } = _usual.PostcopyAfterRounds;

    /// <summary>0 for any time.</summary>
    public TimeSpan TimeLimit { get; set; } = TimeSpan.FromMicroseconds(_usual.TimeLimitMicroseconds);

    public TimeoutAction TimeoutAction { get; set; } = _usual.TimeoutAction;

    /// <summary>As the model takes them.</summary>
    public MigrationParameters Parameters => _usual with
    {
        MaxBandwidth = MaxBandwidth,
        MaxPostcopyBandwidth = MaxPostcopyBandwidth,
        AvailSwitchoverBandwidth = AvailSwitchoverBandwidth,
        DowntimeLimitMicroseconds = (long)DowntimeLimit.TotalMicroseconds,
        Channels = MultifdChannels,
        ChannelWindow = ChannelWindow > 0 ? ChannelWindow : UsualWindow,
        RoundsMax = RoundsMax,
        Throttle = Throttle,
        CpuThrottleInitial = CpuThrottleInitial,
        CpuThrottleIncrement = CpuThrottleIncrement,
        MaxCpuThrottle = MaxCpuThrottle,
        ThrottleTriggerThreshold = ThrottleTriggerThreshold,
        VcpuDirtyLimit = VcpuDirtyLimit,
        PostcopyAfterRounds = PostcopyAfterRounds,
        TimeLimitMicroseconds = (long)TimeLimit.TotalMicroseconds,
        TimeoutAction = TimeoutAction,
    };

    /// <summary>As a forecast takes them: with what a migration gets that has the link to itself.</summary>
    public MigrationParameters ForecastParameters => Parameters with
    {
        MaxBandwidth = OnTheLink(MaxBandwidth),
        MaxPostcopyBandwidth = MaxPostcopyBandwidth == 0 ? 0 : OnTheLink(MaxPostcopyBandwidth),
    };

    /// <summary>Bytes a second while the guest stands still: the link's. Infinite where it has no bound, so that what earlier switchovers
    /// took is all that is known.</summary>
    public double StopBytesPerSecond => LinkBandwidth > 0 ? LinkBandwidth : double.PositiveInfinity;

    private int UsualWindow
    {
        get
        {
            var bandwidth = OnTheLink(MaxBandwidth);
            if (bandwidth == 0) return UsualWindowMax;
            var batches = bandwidth * AnswerSeconds / (_usual.BatchPages * PageBytes);
            return (int)Math.Clamp(Math.Ceiling(batches / MultifdChannels), 1, UsualWindowMax);
        }
    }

    private long OnTheLink(long bandwidth) => (bandwidth, LinkBandwidth) switch
    {
        (0, _) => LinkBandwidth,
        (_, 0) => bandwidth,
        _ => Math.Min(bandwidth, LinkBandwidth),
    };

    internal static Section<MigrationSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<MigrationSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "migrations over all VMs; the VM that has migrated least goes first"),
        new ValueKey<MigrationSettings, int>(
            "count", ValueKinds.Integer("migrations", 0, CountMax), s => s.Count, (s, v) => s.Count = v,
            "the run ends when so many migrations are over; 0 goes on for `duration`"),
        new ValueKey<MigrationSettings, TimeSpan>(
            "start", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)), s => s.Start, (s, v) => s.Start = v,
            "a migration waits until its guest's program has run for so long, with populated memory"),
        new ValueKey<MigrationSettings, int>(
            "inFlight", ValueKinds.Integer("migrations", 1, InFlightMax), s => s.InFlight, (s, v) => s.InFlight = v,
            "migrations under way at once"),
        new ValueKey<MigrationSettings, bool>("pingPong", ValueKinds.Flag(), s => s.PingPong, (s, v) => s.PingPong = v,
            "to the next host with room, round robin, or to one drawn among those with room"),
        new ValueKey<MigrationSettings, double>("cancelShare", ValueKinds.Share(), s => s.CancelShare, (s, v) => s.CancelShare = v,
            "share of migrations that are cancelled (`migrate_cancel`)"),
        new ValueKey<MigrationSettings, TimeSpan>("cancelWithin", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)),
            s => s.CancelWithin, (s, v) => s.CancelWithin = v, "a cancel comes at a moment drawn evenly from so much time"),
        new ValueKey<MigrationSettings, double>("linkBreakShare", ValueKinds.Share(), s => s.LinkBreakShare, (s, v) => s.LinkBreakShare = v,
            "share of migrations whose page link breaks if they come to post-copy, under one of its first four chunks; "
                + "half of them break a second time soon after"),
        new ValueKey<MigrationSettings, double>(
            "lostAnswerShare", ValueKinds.Share(), s => s.LostAnswerShare, (s, v) => s.LostAnswerShare = v,
            "share of migrations in which one to three of the destination's answers to the hand-over do not reach the source"),
        new ValueKey<MigrationSettings, TimeSpan>("jitter", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromSeconds(1)), s => s.Jitter, (
            s, v) => s.Jitter = v,
            "each chunk of pages is late by a time drawn evenly from so much, so that one channel falls behind another"),
        new ValueKey<MigrationSettings, long>("maxBandwidth", ValueKinds.ByteRate(0, ConvergenceLimits.BandwidthMax), s => s.MaxBandwidth, (
            s, v) => s.MaxBandwidth = v,
            "of each migration while its guest runs, over all channels; 0B/s is as fast as the link goes"),
        new ValueKey<MigrationSettings, long>("maxPostcopyBandwidth", ValueKinds.ByteRate(0, ConvergenceLimits.BandwidthMax),
            s => s.MaxPostcopyBandwidth, (s, v) => s.MaxPostcopyBandwidth = v,
            "what is pushed in post-copy beside the pages that are asked for; 0B/s is `maxBandwidth`"),
        new ValueKey<MigrationSettings, long>(
            "linkBandwidth", ValueKinds.ByteRate(0, ConvergenceLimits.BandwidthMax), s => s.LinkBandwidth, (s, v) => s.LinkBandwidth = v,
            "of the link from each host to each other, which all migrations that go that way share; 0B/s is as fast as it goes"),
        new ValueKey<MigrationSettings, long>(
            "availSwitchoverBandwidth", ValueKinds.ByteRate(0, ConvergenceLimits.BandwidthMax), s => s.AvailSwitchoverBandwidth,
            (s, v) => s.AvailSwitchoverBandwidth = v,
            "with which what is left is taken to go when the guest has stopped; 0B/s is what the last round had"),
        new ValueKey<MigrationSettings, TimeSpan>("downtimeLimit", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)),
            s => s.DowntimeLimit, (s, v) => s.DowntimeLimit = v, "rounds go on until what is left can be sent in so much time"),
        new ValueKey<MigrationSettings, int>("multifdChannels", ValueKinds.Integer("channels", 1, MigrationParameters.ChannelsMax),
            s => s.MultifdChannels, (s, v) => s.MultifdChannels = v, "channels, each with a connection"),
        new ValueKey<MigrationSettings, int>("channelWindow", ValueKinds.Integer("batches", 0, MigrationParameters.ChannelWindowMax),
            s => s.ChannelWindow, (s, v) => s.ChannelWindow = v,
            "batches of pages that a channel has on their way at once; 0 for what the link carries in 50 ms, at most 8"),
        new ValueKey<MigrationSettings, int>(
            "roundsMax", ValueKinds.Integer("rounds", 1, MigrationParameters.RoundsLimit), s => s.RoundsMax, (s, v) => s.RoundsMax = v,
            "after so many rounds `timeoutAction` is taken"),
        new ValueKey<MigrationSettings, ThrottleKind>(
            "throttle", ValueKinds.Enum<ThrottleKind>(), s => s.Throttle, (s, v) => s.Throttle = v,
            "how a guest that writes faster than the link carries is slowed down"),
        Throttling(
            "cpuThrottleInitial", s => s.CpuThrottleInitial, (s, v) => s.CpuThrottleInitial = v,
            "`auto-converge`: share of time that vCPUs sleep at first"),
        Throttling(
            "cpuThrottleIncrement", s => s.CpuThrottleIncrement, (s, v) => s.CpuThrottleIncrement = v,
            "`auto-converge`: and so much more each time"),
        Throttling("maxCpuThrottle", s => s.MaxCpuThrottle, (s, v) => s.MaxCpuThrottle = v, "`auto-converge`: and at most so much"),
        new ValueKey<MigrationSettings, int>("throttleTriggerThreshold", ValueKinds.Integer("percent", 1, 100),
            s => s.ThrottleTriggerThreshold, (s, v) => s.ThrottleTriggerThreshold = v,
            "of the bytes sent in a second, so many may become dirty in it"),
        new ValueKey<MigrationSettings, long>("vcpuDirtyLimit", ValueKinds.ByteRate(1 << 10, ConvergenceLimits.BandwidthMax),
            s => s.VcpuDirtyLimit, (s, v) => s.VcpuDirtyLimit = v, "`dirty-limit`: what each vCPU may make dirty"),
        new ValueKey<MigrationSettings, int>("postcopyAfterRounds", ValueKinds.Integer("rounds", 0, MigrationParameters.RoundsLimit),
            s => s.PostcopyAfterRounds, (s, v) => s.PostcopyAfterRounds = v,
            "after so many rounds the guest goes over and its pages follow, unless what is left fits into `downtimeLimit`; 0 never"),
        new ValueKey<MigrationSettings, TimeSpan>(
            "timeLimit", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)), s => s.TimeLimit, (s, v) => s.TimeLimit = v,
            "after so much time `timeoutAction` is taken; 0us never"),
        new ValueKey<MigrationSettings, TimeoutAction>(
            "timeoutAction", ValueKinds.Enum<TimeoutAction>(), s => s.TimeoutAction, (s, v) => s.TimeoutAction = v,
            "give up, stop the guest whatever the downtime, or go over to post-copy"));

    private static ValueKey<MigrationSettings, int> Throttling(
        string name, Func<MigrationSettings, int> get, Action<MigrationSettings, int> set, string summary) =>
        new(name, ValueKinds.Integer("percent", 1, VcpuThrottle.PercentageMax), get, set, summary);
}
