using Livebed.Kvm.Notifiers;

namespace Livebed.Driver.Campaigns;

/// <summary>
/// What a run does, fully resolved: read from a YAML file and the command line by <c>CampaignReader</c>, which checks every value, and
/// written back by <c>CampaignWriter</c>. Each property is a key of the file and explained in docs/campaigns.md; the defaults are here.
/// Rates are per second over the whole cluster unless said otherwise; 0 turns the operation off.
/// </summary>
public sealed record Campaign
{
    /// <summary>Largest seed: every JSON reader keeps it exactly.</summary>
    public const long SeedMax = (1L << 53) - 1;

    public string Name { get; set; } = "";
    public string Description { get; set; } = "";

    /// <summary>Null in a file means: drawn from the clock at the door. A campaign that runs always has one.</summary>
    public long? Seed { get; set; }

    public TimeSpan Duration { get; set; } = TimeSpan.FromSeconds(30);
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
    public MigrationSettings Migrations { get; set; } = new();
    public TeardownSettings Teardowns { get; set; } = new();
    public AuditSettings Audits { get; set; } = new();
    public LimitSettings Limits { get; set; } = new();

    /// <summary>By counter name (<see cref="Results.CounterTable"/>): the least that must have happened, else the verdict is unknown.</summary>
    public SortedDictionary<string, long> Minimum { get; set; } = new(StringComparer.Ordinal) { ["accesses"] = 1 };

    public TelemetrySettings Telemetry { get; set; } = new();

    public const string NoMutant = "none";

    /// <summary>Frames of each host.</summary>
    public long FramesPerHost => Memory / PageSize;
}
