using Livebed.Kvm.Vms;

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

    /// <summary>By counter name (<see cref="Results.CounterTable"/>): the least that must have happened, else the verdict is
    /// unknown.</summary>
    public SortedDictionary<string, long> Minimum { get; set; } = new(StringComparer.Ordinal) { ["accesses"] = 1 };

    public TelemetrySettings Telemetry { get; set; } = new();

    public const string NoMutant = "none";

    /// <summary>Frames of each host.</summary>
    public long FramesPerHost => Memory / PageSize;
}

/// <summary>Audits walk a VM's SPTEs, TLBs and counters and judge the invariants that need such a view.</summary>
public sealed record AuditSettings
{
    /// <summary>Audits per second over all VMs.</summary>
    public double Rate { get; set; } = 1;
}

/// <summary>Dirty-log sessions: enable, rounds of get (and clear or reset), verification against the pages' content, disable.</summary>
public sealed record DirtyLogSettings
{
    /// <summary>Rounds per second over all VMs.</summary>
    public double Rate { get; set; }

    public int RoundsPerSession { get; set; } = 8;

    /// <summary>Every so many rounds all pages are compared with the log; 0 never.</summary>
    public int VerifyEvery { get; set; } = 4;
}

/// <summary>Kernel same-page merging, on every host.</summary>
public sealed record KsmSettings
{
    /// <summary>Scans per second of each host.</summary>
    public double Rate { get; set; }

    /// <summary><c>pages_to_scan</c>.</summary>
    public int PagesPerScan { get; set; } = 256;
}

/// <summary>Bounds; hitting one is reported in results.json as <c>limitsHit</c>, or is a hang.</summary>
public sealed record LimitSettings
{
    /// <summary>An operation that waited so long is reported as starved.</summary>
    public TimeSpan Starvation { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>Operations of one kind that may be under way at once; what is due beyond that is counted as not started.</summary>
    public int InFlight { get; set; } = 64;

    public long HistoryRecords { get; set; } = 2_000_000;

    /// <summary>Retries without progress after which a fault is a livelock.</summary>
    public int FaultRetries { get; set; } = 10_000;
}

/// <summary>Writes to guest memory by KVM itself, <c>kvm_write_guest</c>.</summary>
public sealed record SoftwareWriteSettings
{
    /// <summary>Writes per second over all VMs.</summary>
    public double Rate { get; set; }
}

/// <summary>What becomes a span (docs/telemetry.md).</summary>
public sealed record TelemetrySettings
{
    /// <summary>Share of operations whose trace is kept; violations always are.</summary>
    public double SampleRatio { get; set; } = 0.01;

    public TimeSpan SlowLockWait { get; set; } = TimeSpan.FromMilliseconds(10);
    public TimeSpan SlowFault { get; set; } = TimeSpan.FromMilliseconds(50);

    /// <summary>A fault with so many retries gets a span of its own.</summary>
    public int RetriesPromoted { get; set; } = 16;
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
