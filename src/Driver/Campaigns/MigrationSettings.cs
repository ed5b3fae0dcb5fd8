using Livebed.Kvm.Migration;

namespace Livebed.Driver.Campaigns;

/// <summary>
/// Live migrations under load: how often, of how many VMs at a time, and how. The parameters are those of QEMU's
/// <c>migrate-set-parameters</c>, with its defaults (<see cref="MigrationParameters"/>).
/// </summary>
public sealed record MigrationSettings
{
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

    /// <summary>Share of migrations whose page link breaks in post-copy, half of them twice.</summary>
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

    public TimeSpan DowntimeLimit { get; set; } = TimeSpan.FromMicroseconds(_usual.DowntimeLimitMicroseconds);
    public int MultifdChannels { get; set; } = _usual.Channels;
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
        DowntimeLimitMicroseconds = (long)DowntimeLimit.TotalMicroseconds,
        Channels = MultifdChannels,
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

    private long OnTheLink(long bandwidth) => (bandwidth, LinkBandwidth) switch
    {
        (0, _) => LinkBandwidth,
        (_, 0) => bandwidth,
        _ => Math.Min(bandwidth, LinkBandwidth),
    };
}
