using Livebed.Driver.CampaignKeys;
using Livebed.Kvm.Checks;

namespace Livebed.Driver.Campaigns;

/// <summary>Faults of machines and of the network, made on purpose, one after the other.</summary>
public sealed record NemesisSettings
{
    /// <summary>The longest fault: a driver bears a silo that is silent for 20 s.</summary>
    private static readonly TimeSpan _lengthMax = TimeSpan.FromSeconds(15);

    private static readonly TimeSpan _lengthMin = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _usualLength = TimeSpan.FromSeconds(3);

    /// <summary>By the name of a fault: it is drawn so many times before all are drawn again.</summary>
    public SortedDictionary<string, int> Mix { get; set; } = new(
        Enum.GetValues<NemesisKind>().ToDictionary(KebabCase.Of, _ => 0), StringComparer.Ordinal);

    /// <summary>From the beginning of a fault to that of the next; 0 for no faults.</summary>
    public TimeSpan Interval { get; set; }

    /// <summary>Faults of a run; 0 for as many as there is time for.</summary>
    public int Count { get; set; }

    /// <summary>By the name of a fault: how long it is at most.</summary>
    public SortedDictionary<string, TimeSpan> Lengths { get; set; } = new(
        Enum.GetValues<NemesisKind>().ToDictionary(KebabCase.Of, _ => _usualLength), StringComparer.Ordinal);

    /// <summary>By which share a fault may be shorter than its length.</summary>
    public double Vary { get; set; } = 0.5;

    /// <summary>How late a slow link is, one way, and a call that is late, at most.</summary>
    public TimeSpan Delay { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>Of a slow link, one way, in bytes a second; 0 for as fast as it goes.</summary>
    public long Bandwidth { get; set; } = 1 << 20;

    /// <summary>Of the calls between user spaces and to the inventory, which arrive twice or late.</summary>
    public double CallShare { get; set; } = 0.3;

    public bool IsOn => Interval > TimeSpan.Zero;

    /// <summary>Whether it makes such faults.</summary>
    public bool Makes(NemesisKind kind) => IsOn && Mix.GetValueOrDefault(KebabCase.Of(kind)) > 0;

    public TimeSpan LengthOf(NemesisKind kind) => Lengths.GetValueOrDefault(KebabCase.Of(kind), _usualLength);

    /// <summary>What each fault is, by its name.</summary>
    internal static IReadOnlyDictionary<string, string> Sentences { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["kill"] = "a silo's process gets SIGKILL, and another takes its place after the length",
        ["pause"] = "a silo's process gets SIGSTOP, and SIGCONT after the length",
        ["cut"] = "the link between two silos carries nothing, in one direction or in both",
        ["slow"] = "the link between two silos is late and narrow",
        ["partition"] = "the silos fall into two groups, and nothing goes from one to the other",
        ["redis"] = "the Redis with the membership table answers nothing",
        ["duplicate"] = "some calls of migrations and of the inventory arrive twice, and the caller takes the first answer",
        ["late"] = "some calls of migrations and of the inventory are late, and arrive behind later ones",
        ["full"] = "a host has no memory left to promise, and refuses VMs that come to it or are made there (ENOMEM)",
    };

    /// <summary>A fault begins in the first half of its interval.</summary>
    internal const double LatestShare = 0.5;

    /// <summary>When the last of <see cref="Count"/> faults ends at the latest.</summary>
    internal TimeSpan LatestEnd(TimeSpan longest) => (Interval * (Count - 1 + LatestShare)) + longest;

    internal static Section<NemesisSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<NemesisSettings, TimeSpan>(
            "interval", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)), s => s.Interval, (s, v) => s.Interval = v,
            "from the beginning of a fault to that of the next, which waits until the one before is healed; 0us makes none"),
        new ValueKey<NemesisSettings, int>(
            "count", ValueKinds.Integer("faults", 0, 1_000), s => s.Count, (s, v) => s.Count = v,
            "faults of a run, which have to fit into it; 0 is as many as there is time for"),
        new TableKey<NemesisSettings, int>(
            "mix", [.. Enum.GetValues<NemesisKind>().Select(KebabCase.Of)], ValueKinds.Integer("times", 0, 100), s => s.Mix,
            name => Sentences[name] + "; drawn so many times before all are drawn again"),
        new TableKey<NemesisSettings, TimeSpan>(
            "lengths", [.. Enum.GetValues<NemesisKind>().Select(KebabCase.Of)], ValueKinds.Duration(_lengthMin, _lengthMax),
            s => s.Lengths, name => $"how long a `{name}` is at most; one that a file leaves out keeps its default"),
        new ValueKey<NemesisSettings, double>(
            "vary", ValueKinds.Share(), s => s.Vary, (s, v) => s.Vary = v,
            "lengths are drawn evenly from those that are shorter by up to this share; 0 makes each as long as it says"),
        new ValueKey<NemesisSettings, TimeSpan>(
            "delay", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromSeconds(5)), s => s.Delay, (s, v) => s.Delay = v,
            "how late everything on a slow link is, one way; a call that is late or arrives twice is late by a draw from so much"),
        new ValueKey<NemesisSettings, double>(
            "callShare", ValueKinds.Share(), s => s.CallShare, (s, v) => s.CallShare = v,
            "of those calls, which arrive twice or late"),
        new ValueKey<NemesisSettings, long>(
            "bandwidth", ValueKinds.ByteRate(0, 1L << 40), s => s.Bandwidth, (s, v) => s.Bandwidth = v,
            "of a slow link, one way; 0B/s is as fast as it goes"));
}

/// <summary>Kinds of faults of a nemesis.</summary>
public enum NemesisKind
{
    Kill,
    Pause,
    Cut,
    Slow,
    Partition,
    Redis,
    Duplicate,
    Late,
    Full,
}
