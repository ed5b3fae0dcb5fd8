using Livebed.Driver.CampaignKeys;
using Livebed.Driver.Counters;
using Livebed.Kvm.Checks;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.Campaigns;

/// <summary>
/// What a run does, fully resolved: read from a YAML file and the command line by <c>CampaignReader</c>, which checks every value, and
/// written back by <c>CampaignWriter</c>. Each section is a record: its properties with their defaults, and below them <c>Keys</c>, the
/// table of its keys with name, type, bounds and meaning. Reading, writing, `--set` and docs/campaigns.md (a test compares) follow from
/// these tables. Rates are per second over the whole cluster unless said otherwise; 0 turns the operation off.
/// </summary>
public sealed record Campaign
{
    /// <summary>Largest seed: every JSON reader keeps it exactly.</summary>
    public const long SeedMax = (1L << 53) - 1;

    /// <summary>VMs of a campaign, counts included.</summary>
    public const int VmsMax = 100_000;

    /// <summary>Items of <c>vms</c>.</summary>
    public const int KindsMax = 1_000;

    public string Name { get; set; } = "";
    public string Description { get; set; } = "";

    /// <summary>Null in a file means: drawn from the clock when the run begins. A campaign that runs always has one.</summary>
    public long? Seed { get; set; }

    public TimeSpan Duration { get; set; } = TimeSpan.FromSeconds(30);
    /// <summary>How long the load runs before the campaign's clock begins; null only until the campaign has been read, and in one that
    /// is made without a file: no warm-up.</summary>
    public TimeSpan? WarmUp { get; set; }

    public int Silos { get; set; } = 3;
    public Placement Placement { get; set; } = Placement.Spread;
    public string Protocol { get; set; } = ProtocolCatalog.ActiveCount;

    /// <summary>A name of the mutant catalog, or "none".</summary>
    public string Mutant { get; set; } = NoMutant;

    public MmuLockFlavour MmuLock { get; set; } = MmuLockFlavour.Rw;

    /// <summary>Bytes of a frame.</summary>
    public int PageSize { get; set; } = 4096;

    /// <summary>Bytes of frames that each host has.</summary>
    public long Memory { get; set; } = 1L << 30;

    public List<VmSettings> Vms { get; set; } = [];
    public HostEventSettings HostEvents { get; set; } = new();
    public KsmSettings Ksm { get; set; } = new();
    public MemslotUpdateSettings MemslotUpdates { get; set; } = new();
    public DirtyLogSettings DirtyLog { get; set; } = new();
    public SoftwareWriteSettings SoftwareWrites { get; set; } = new();
    public DeviceWriteSettings DeviceWrites { get; set; } = new();
    public MigrationSettings Migrations { get; set; } = new();
    public TeardownSettings Teardowns { get; set; } = new();
    public AuditSettings Audits { get; set; } = new();
    public NemesisSettings Nemesis { get; set; } = new();
    public LimitSettings Limits { get; set; } = new();

    /// <summary>By counter name (<see cref="CounterTable"/>): the least that must have happened, else the verdict is
    /// unknown.</summary>
    public SortedDictionary<string, long> Minimum { get; set; } = new(StringComparer.Ordinal) { ["accesses"] = 1 };

    /// <summary>The least part of the load that must have been delivered (<c>minimum.deliveredShare</c>), else the verdict is unknown.
    /// A <c>minimum</c> without it leaves the default.</summary>
    public double MinimumDeliveredShare { get; set; } = 0.5;

    /// <summary>What the file's <see cref="Minimum"/> was before <see cref="ScaleMinimum"/>, and for which duration.</summary>
    private (TimeSpan Duration, SortedDictionary<string, long> Minimum)? _own;

    /// <summary>By case (<see cref="ReachedCase"/>): how often it must have been met at least, else the verdict is
    /// unknown.</summary>
    public SortedDictionary<string, long> Reached { get; set; } = new(StringComparer.Ordinal);

    public TelemetrySettings Telemetry { get; set; } = new();

    public const string NoMutant = Kvm.Checks.Mutant.None;

    /// <summary>The file's counts are meant for its own duration; in a shorter one, less can be done. Those given with the shorter duration
    /// stand.</summary>
    /// <param name="own">the file's duration</param>
    /// <param name="counters">whose minimum the file gives</param>
    public void ScaleMinimum(TimeSpan own, IEnumerable<string> counters)
    {
        if (own <= Duration) return;
        _own = (own, new(StringComparer.Ordinal));
        foreach (var counter in counters.Where(Minimum.ContainsKey).ToList())
        {
            _own.Value.Minimum[counter] = Minimum[counter];
            Minimum[counter] = (long)Math.Round(Minimum[counter] * (Duration / own), MidpointRounding.AwayFromZero);
        }
    }

    /// <summary>For a reader: what a minimum was before it was scaled; empty when it was not.</summary>
    public string ScaledFrom(string counter) => _own is { } own && own.Minimum.TryGetValue(counter, out var count)
        ? FormattableString.Invariant(
            $" in {Duration.TotalSeconds:0.###} s, as for {count:N0} in its own {own.Duration.TotalSeconds:0.###} s")
        : "";

    /// <summary>Frames of each host.</summary>
    public long FramesPerHost => Memory / PageSize;

    internal static Section<Campaign> Keys { get; } = new(
        () => new(),
        new ValueKey<Campaign, string>("name", ValueKinds.Name(), s => s.Name, (s, v) => s.Name = v, "names the run folder")
        {
            DefaultText = "the file's name",
        },
        new ValueKey<Campaign, string>(
            "description", ValueKinds.Text("at most 200 characters", 200), s => s.Description, (s, v) => s.Description = v,
            "a line for `list campaigns`")
        { DefaultText = "empty", IsAbsent = s => s.Description.Length == 0 },
        new ValueKey<Campaign, long>("seed", ValueKinds.Long("number", 0, SeedMax), s => s.Seed ?? 0, (s, v) => s.Seed = v,
            "decides every draw of the campaign")
        { DefaultText = "drawn from the clock and printed", IsAbsent = s => s.Seed is null },
        new ValueKey<Campaign, TimeSpan>("duration", ValueKinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(24)),
            s => s.Duration, (s, v) => s.Duration = v, "how long operations are started, without start-up and tear-down"),
        new ValueKey<Campaign, TimeSpan>("warmup", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)),
            s => s.WarmUp ?? TimeSpan.Zero, (s, v) => s.WarmUp = v,
            "how long the load runs before; nothing of it is in any figure, and every check is on")
        {
            DefaultText = "a tenth of the duration, at most 5s",
            IsAbsent = s => s.WarmUp is null,
        },
        new ValueKey<Campaign, int>(
            "silos", ValueKinds.Integer("silos", 1, 16), s => s.Silos, (s, v) => s.Silos = v, "silos of the cluster; each is a host"),
        new ValueKey<Campaign, Placement>("placement", ValueKinds.Enum<Placement>(), s => s.Placement, (s, v) => s.Placement = v,
            "a VM, its vCPUs and its host MMU on different silos, or all on one"),
        new ValueKey<Campaign, string>("protocol", ValueKinds.OneOf([.. ProtocolCatalog.All.Select(entry => entry.Name)]),
            s => s.Protocol, (s, v) => s.Protocol = v, "the notifier protocol, see `livebed list protocols`"),
        new ValueKey<Campaign, string>("mutant", ValueKinds.OneOf([NoMutant, .. Kvm.Checks.Mutant.All.Select(entry => entry.Name)]),
            s => s.Mutant, (s, v) => s.Mutant = v, "a defect to run with")
        { AllowedText = "none, or one of `livebed list mutants`" },
        new ValueKey<Campaign, MmuLockFlavour>("mmuLock", ValueKinds.Enum<MmuLockFlavour>(), s => s.MmuLock, (s, v) => s.MmuLock = v,
            "`mmu_lock` as a queued rwlock or a spinlock"),
        new ValueKey<Campaign, int>("pageSize", ValueKinds.PowerOfTwo("bytes", 64, 65_536), s => s.PageSize, (s, v) => s.PageSize = v,
            "bytes of a page; smaller for runs with very many pages"),
        new ValueKey<Campaign, long>("memory", ValueKinds.Size(1L << 20, 64L << 30), s => s.Memory, (s, v) => s.Memory = v,
            "frames of each host; its VMs' pages must fit"),
        new ListKey<Campaign, VmSettings>("vms", VmSettings.Keys, s => s.Vms, KindsMax, "VMs"),
        new SectionKey<Campaign, HostEventSettings>("hostEvents", HostEventSettings.Keys, s => s.HostEvents),
        new SectionKey<Campaign, KsmSettings>("ksm", KsmSettings.Keys, s => s.Ksm),
        new SectionKey<Campaign, MemslotUpdateSettings>("memslotUpdates", MemslotUpdateSettings.Keys, s => s.MemslotUpdates),
        new SectionKey<Campaign, DirtyLogSettings>("dirtyLog", DirtyLogSettings.Keys, s => s.DirtyLog),
        new SectionKey<Campaign, SoftwareWriteSettings>("softwareWrites", SoftwareWriteSettings.Keys, s => s.SoftwareWrites),
        new SectionKey<Campaign, DeviceWriteSettings>("deviceWrites", DeviceWriteSettings.Keys, s => s.DeviceWrites),
        new SectionKey<Campaign, MigrationSettings>("migrations", MigrationSettings.Keys, s => s.Migrations),
        new SectionKey<Campaign, TeardownSettings>("teardowns", TeardownSettings.Keys, s => s.Teardowns),
        new SectionKey<Campaign, AuditSettings>("audits", AuditSettings.Keys, s => s.Audits),
        new SectionKey<Campaign, NemesisSettings>("nemesis", NemesisSettings.Keys, s => s.Nemesis),
        new SectionKey<Campaign, LimitSettings>("limits", LimitSettings.Keys, s => s.Limits),
        new TableKey<Campaign, long>("minimum", [.. CounterTable.All.Select(counter => counter.Name)], ValueKinds.Long(
            "count", 0, 1_000_000_000_000), s => s.Minimum,
            _ => "the least of this counter; below it the verdict is `unknown`",
            new ValueKey<Campaign, double>("deliveredShare", ValueKinds.Share(), s => s.MinimumDeliveredShare,
                (s, v) =>
                    s.MinimumDeliveredShare = v,
                    "the least part of the load, operations and guests' programs alike, that must be delivered")),
        new TableKey<Campaign, long>("reached", [.. ReachedCase.All.Where(one => !one.IsOfScene).Select(one => one.Name)],
            ValueKinds.Long("times", 0, 1_000_000_000_000), s => s.Reached, name => ReachedCase.Find(name)!.Sentence),
        new SectionKey<Campaign, TelemetrySettings>("telemetry", TelemetrySettings.Keys, s => s.Telemetry));
}

/// <summary>Audits walk a VM's SPTEs, TLBs and counters and judge the invariants that need such a view.</summary>
public sealed record AuditSettings
{
    /// <summary>Audits per second over all VMs.</summary>
    public double Rate { get; set; } = 1;

    internal static Section<AuditSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<AuditSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "audits over all VMs: walks of SPTEs, TLBs and counters that judge the invariants"));
}

/// <summary>Dirty-log sessions: enable, rounds of get (and clear or reset), verification against the pages' content, disable.</summary>
public sealed record DirtyLogSettings
{
    /// <summary>Rounds per second over all VMs.</summary>
    public double Rate { get; set; }

    public int RoundsPerSession { get; set; } = 8;

    /// <summary>Every so many rounds all pages are compared with the log; 0 never.</summary>
    public int VerifyEvery { get; set; } = 4;

    internal static Section<DirtyLogSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<DirtyLogSettings, double>(
            "rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v, "rounds of get (and clear, or reset) over all VMs"),
        new ValueKey<DirtyLogSettings, int>(
            "roundsPerSession", ValueKinds.Integer("rounds", 1, 10_000), s => s.RoundsPerSession, (s, v) => s.RoundsPerSession = v,
            "rounds from enabling the log to disabling it"),
        new ValueKey<DirtyLogSettings, int>(
            "verifyEvery", ValueKinds.Integer("rounds", 0, 10_000), s => s.VerifyEvery, (s, v) => s.VerifyEvery = v,
            "every so many rounds, pages that were not reported are compared with their last copy; 0 never"));
}

/// <summary>Kernel same-page merging, on every host.</summary>
public sealed record KsmSettings
{
    /// <summary>Scans per second of each host.</summary>
    public double Rate { get; set; }

    /// <summary><c>pages_to_scan</c>.</summary>
    public int PagesPerScan { get; set; } = 256;

    internal static Section<KsmSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<KsmSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v, "scans of each host"),
        new ValueKey<KsmSettings, int>(
            "pagesPerScan", ValueKinds.Integer("pages", 1, 1_000_000), s => s.PagesPerScan, (s, v) => s.PagesPerScan = v,
            "`pages_to_scan`"));
}

/// <summary>Bounds; hitting one is reported in results.json as <c>limitsHit</c>, or is a hang.</summary>
public sealed record LimitSettings
{
    /// <summary>An operation that waited so long is reported as starved.</summary>
    public TimeSpan Starvation { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Operations of one kind that may be under way at once; what is due beyond that is counted as not started.</summary>
    public int InFlight { get; set; } = 64;

    public long HistoryRecords { get; set; } = 2_000_000;

    /// <summary>Bytes of traces.otlp.jsonl.</summary>
    public long TraceBytes { get; set; } = 256L << 20;

    /// <summary>Retries without progress after which a fault is a livelock.</summary>
    public int FaultRetries { get; set; } = 10_000;

    internal static Section<LimitSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<LimitSettings, TimeSpan>("starvation", ValueKinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            s => s.Starvation, (s, v) => s.Starvation = v,
            "an operation that waits longer, while the bed runs, is reported as starved; for a page of post-copy 30 s longer, "
                + "since so long may the link be broken"),
        new ValueKey<LimitSettings, int>(
            "inFlight", ValueKinds.Integer("operations", 1, 100_000), s => s.InFlight, (s, v) => s.InFlight = v,
            "operations of one kind under way at once; what is due beyond that counts as `notStarted`"),
        new ValueKey<LimitSettings, long>(
            "historyRecords", ValueKinds.Long("records", 0, 1_000_000_000), s => s.HistoryRecords, (s, v) => s.HistoryRecords = v,
            "longest history.jsonl; what is beyond is dropped and reported"),
        new ValueKey<LimitSettings, long>(
            "traceBytes", ValueKinds.Size(0, 64L << 30), s => s.TraceBytes, (s, v) => s.TraceBytes = v,
            "largest traces.otlp.jsonl; spans beyond are dropped and reported"),
        new ValueKey<LimitSettings, int>(
            "faultRetries", ValueKinds.Integer("retries", 1, 100_000_000), s => s.FaultRetries, (s, v) => s.FaultRetries = v,
            "a fault that retries more often is reported as a livelock"));
}

/// <summary>Writes to guest memory by KVM itself, <c>kvm_write_guest</c>.</summary>
public sealed record SoftwareWriteSettings
{
    /// <summary>Writes per second over all VMs.</summary>
    public double Rate { get; set; }

    internal static Section<SoftwareWriteSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<SoftwareWriteSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "writes to guest memory by KVM itself (`kvm_write_guest`), over all VMs"));
}

/// <summary>Writes to guest memory by devices of user space, which KVM does not see.</summary>
public sealed record DeviceWriteSettings
{
    /// <summary>Requests per second over all VMs.</summary>
    public double Rate { get; set; }

    public int Pages { get; set; } = 4;

    internal static Section<DeviceWriteSettings> Keys { get; } = new(
        () => new(),
        new ValueKey<DeviceWriteSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "requests over all VMs that a device of user space answers by writing guest memory, as a disk that reads; KVM's log does "
                + "not have these pages, the device's own has"),
        new ValueKey<DeviceWriteSettings, int>(
            "pages", ValueKinds.Integer("pages", 1, Devices.PagesMax), s => s.Pages, (s, v) => s.Pages = v,
            "pages in a row that one request fills; of a smaller VM all"));
}

/// <summary>What becomes a span (docs/telemetry.md).</summary>
public sealed record TelemetrySettings
{
    /// <summary>Share of operations that keep their trace; violations always do.</summary>
    public double SampleRatio { get; set; } = 0.01;

    public TimeSpan SlowLockWait { get; set; } = TimeSpan.FromMilliseconds(10);
    public TimeSpan SlowFault { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A fault with so many retries gets a span of its own.</summary>
    public int RetriesPromoted { get; set; } = 16;

    internal static Section<TelemetrySettings> Keys { get; } = new(
        () => new(),
        new ValueKey<TelemetrySettings, double>("sampleRatio", ValueKinds.Share(), s => s.SampleRatio, (s, v) => s.SampleRatio = v,
            "share of operations whose whole trace is kept; violations always are"),
        new ValueKey<TelemetrySettings, TimeSpan>("slowLockWait", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)),
            s => s.SlowLockWait, (s, v) => s.SlowLockWait = v, "a longer lock wait is a span"),
        new ValueKey<TelemetrySettings, TimeSpan>("slowFault", ValueKinds.Duration(TimeSpan.Zero, TimeSpan.FromHours(1)),
            s => s.SlowFault, (s, v) => s.SlowFault = v, "a fault that takes longer is a span of its own"),
        new ValueKey<TelemetrySettings, int>("retriesPromoted", ValueKinds.Integer("retries", 1, 100_000_000), s => s.RetriesPromoted, (
            s, v) => s.RetriesPromoted = v,
            "a fault that retries at least so often is a span of its own"));
}

/// <summary>What <c>kvm->mmu_lock</c> is: a queued rwlock (x86 since 5.12) or a spinlock.</summary>
public enum MmuLockFlavour
{
    Rw,
    Spin,
}

/// <summary>Where the grains of one VM live.</summary>
public enum Placement
{
    /// <summary>A VM, its vCPUs and its host MMU on different silos, so that notifications and faults cross the network.</summary>
    Spread,

    /// <summary>A VM lives whole on its host's silo.</summary>
    Packed,
}
