using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Vms;

namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// Every key of a campaign file in one table: name, type, bounds, place in <see cref="Campaign"/>, meaning. Reading, writing, `--set` and
/// docs/campaigns.md (which a test holds to it) all follow from it. The keys of a VM are in <see cref="VmSchema"/>, those of
/// migrations in <see cref="MigrationSchema"/>.
/// </summary>
internal static class CampaignSchema
{
    public const int VmsMax = 1_000;

    private static readonly TimeSpan _second = TimeSpan.FromSeconds(1);

    private static readonly Section<HostEventSettings> _hostEvents = new(
        () => new(),
        new ValueKey<HostEventSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "ranges over all VMs, from `invalidate_range_start` to `_end`"),
        new ValueKey<HostEventSettings, double>("spuriousShare", ValueKinds.Share(), s => s.SpuriousShare, (s, v) => s.SpuriousShare = v,
            "share of ranges over memory of the VM's process that no memslot covers"),
        new ValueKey<HostEventSettings, int>("maxPages", ValueKinds.Integer("pages", 1, 65_536), s => s.MaxPages, (s, v) => s.MaxPages = v,
            "longest range; lengths are drawn evenly from 1"),
        new ValueKey<HostEventSettings, TimeSpan>("hold", ValueKinds.Duration(TimeSpan.Zero, _second), s => s.Hold, (s, v) => s.Hold = v,
            "how long the mm works between start and end"),
        new ValueKey<HostEventSettings, bool>(
            "refusesNonBlockable", ValueKinds.Flag(), s => s.RefusesNonBlockable, (s, v) => s.RefusesNonBlockable = v,
            "a device driver in every VM's process answers -EAGAIN to non-blockable ranges, so that the OOM reaper gives up"),
        new TableKey<HostEventSettings, double>("mix", [.. HostEventSettings.Kinds.Select(OperationNames.Of)], ValueKinds.Number(
            "weight", 0, 1_000), s => s.Mix,
            "weight of this kind among the ranges that are not spurious"));

    private static readonly Section<KsmSettings> _ksm = new(
        () => new(),
        new ValueKey<KsmSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v, "scans of each host"),
        new ValueKey<KsmSettings, int>(
            "pagesPerScan", ValueKinds.Integer("pages", 1, 1_000_000), s => s.PagesPerScan, (s, v) => s.PagesPerScan = v,
            "`pages_to_scan`"));

    private static readonly Section<MemslotUpdateSettings> _memslotUpdates = new(
        () => new(),
        new ValueKey<MemslotUpdateSettings, double>(
            "rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v, "memslot changes over all VMs"),
        new TableKey<MemslotUpdateSettings, double>("mix", [.. Enum.GetValues<MemslotUpdateKind>().Select(OperationNames.OfEnum)],
            ValueKinds.Number("weight", 0, 1_000), s => s.Mix, "weight of this kind of change"));

    private static readonly Section<DirtyLogSettings> _dirtyLog = new(
        () => new(),
        new ValueKey<DirtyLogSettings, double>(
            "rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v, "rounds of get (and clear, or reset) over all VMs"),
        new ValueKey<DirtyLogSettings, int>(
            "roundsPerSession", ValueKinds.Integer("rounds", 1, 10_000), s => s.RoundsPerSession, (s, v) => s.RoundsPerSession = v,
            "rounds from enabling the log to disabling it"),
        new ValueKey<DirtyLogSettings, int>(
            "verifyEvery", ValueKinds.Integer("rounds", 0, 10_000), s => s.VerifyEvery, (s, v) => s.VerifyEvery = v,
            "every so many rounds, pages that were not reported are compared with their last copy; 0 never"));

    private static readonly Section<SoftwareWriteSettings> _softwareWrites = new(
        () => new(),
        new ValueKey<SoftwareWriteSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "writes to guest memory by KVM itself (`kvm_write_guest`), over all VMs"));

    private static readonly Section<TeardownSettings> _teardowns = new(
        () => new(),
        new ValueKey<TeardownSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "VMs destroyed and re-created, over all VMs"),
        new ValueKey<TeardownSettings, TeardownPath>("path", ValueKinds.Enum<TeardownPath>(), s => s.Path, (s, v) => s.Path = v,
            "last reference to the VM dropped first, address space exits first, or drawn each time"),
        new ValueKey<TeardownSettings, double>("insideRange", ValueKinds.Share(), s => s.InsideRange, (s, v) => s.InsideRange = v,
            "share of teardowns between start and end of a range"),
        new ValueKey<TeardownSettings, double>(
            "sharesAddressSpace", ValueKinds.Share(), s => s.SharesAddressSpace, (s, v) => s.SharesAddressSpace = v,
            "share of teardowns whose destroyer shares the address space of that range"));

    private static readonly Section<AuditSettings> _audits = new(
        () => new(),
        new ValueKey<AuditSettings, double>("rate", ValueKinds.PerSecond(), s => s.Rate, (s, v) => s.Rate = v,
            "audits over all VMs: walks of SPTEs, TLBs and counters that judge the invariants"));

    private static readonly Section<LimitSettings> _limits = new(
        () => new(),
        new ValueKey<LimitSettings, TimeSpan>("starvation", ValueKinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1)),
            s => s.Starvation, (s, v) => s.Starvation = v,
            "an operation that waits longer is reported as starved; for a page of post-copy 30 s longer, "
                + "since so long may the link be broken"),
        new ValueKey<LimitSettings, int>(
            "inFlight", ValueKinds.Integer("operations", 1, 100_000), s => s.InFlight, (s, v) => s.InFlight = v,
            "operations of one kind under way at once; what is due beyond that counts as `notStarted`"),
        new ValueKey<LimitSettings, long>(
            "historyRecords", ValueKinds.Long("records", 0, 1_000_000_000), s => s.HistoryRecords, (s, v) => s.HistoryRecords = v,
            "longest history.jsonl; what is beyond is dropped and reported"),
        new ValueKey<LimitSettings, int>(
            "faultRetries", ValueKinds.Integer("retries", 1, 100_000_000), s => s.FaultRetries, (s, v) => s.FaultRetries = v,
            "a fault that retries more often is reported as a livelock"));

    private static readonly Section<TelemetrySettings> _telemetry = new(
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

    public static Section<Campaign> Root { get; } = new(
        () => new(),
        new ValueKey<Campaign, string>("name", ValueKinds.Name(), s => s.Name, (s, v) => s.Name = v, "names the run folder")
        {
            DefaultText = "the file's name",
        },
        new ValueKey<Campaign, string>(
            "description", ValueKinds.Text("at most 200 characters", 200), s => s.Description, (s, v) => s.Description = v,
            "a line for `list campaigns`")
        { DefaultText = "empty", IsAbsent = s => s.Description.Length == 0 },
        new ValueKey<Campaign, long>("seed", ValueKinds.Long("number", 0, Campaign.SeedMax), s => s.Seed ?? 0, (s, v) => s.Seed = v,
            "decides every draw of the campaign")
        { DefaultText = "drawn from the clock and printed", IsAbsent = s => s.Seed is null },
        new ValueKey<Campaign, TimeSpan>("duration", ValueKinds.Duration(TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(24)),
            s => s.Duration, (s, v) => s.Duration = v, "how long operations are started, without start-up and tear-down"),
        new ValueKey<Campaign, int>(
            "silos", ValueKinds.Integer("silos", 1, 16), s => s.Silos, (s, v) => s.Silos = v, "silos of the cluster; each is a host"),
        new ValueKey<Campaign, Placement>("placement", ValueKinds.Enum<Placement>(), s => s.Placement, (s, v) => s.Placement = v,
            "a VM, its vCPUs and its host MMU on different silos, or all on one"),
        new ValueKey<Campaign, string>("protocol", ValueKinds.OneOf([.. ProtocolCatalog.All.Select(entry => entry.Name)]),
            s => s.Protocol, (s, v) => s.Protocol = v, "the notifier protocol, see `livebed list protocols`"),
        new ValueKey<Campaign, string>("mutant", ValueKinds.OneOf([Campaign.NoMutant, .. MutantCatalog.All.Select(entry => entry.Name)]),
            s => s.Mutant, (s, v) => s.Mutant = v, "a defect to run with")
        { AllowedText = "none, or one of `livebed list mutants`" },
        new ValueKey<Campaign, MmuLockFlavour>("mmuLock", ValueKinds.Enum<MmuLockFlavour>(), s => s.MmuLock, (s, v) => s.MmuLock = v,
            "`mmu_lock` as a queued rwlock or a spinlock"),
        new ValueKey<Campaign, int>("pageSize", ValueKinds.PowerOfTwo("bytes", 64, 65_536), s => s.PageSize, (s, v) => s.PageSize = v,
            "bytes of a page; smaller for runs with very many pages"),
        new ValueKey<Campaign, long>("memory", ValueKinds.Size(1L << 20, 64L << 30), s => s.Memory, (s, v) => s.Memory = v,
            "frames of each host; its VMs' pages must fit"),
        new ListKey<Campaign, VmSettings>("vms", VmSchema.Vm, s => s.Vms, VmsMax, "VMs"),
        new SectionKey<Campaign, HostEventSettings>("hostEvents", _hostEvents, s => s.HostEvents),
        new SectionKey<Campaign, KsmSettings>("ksm", _ksm, s => s.Ksm),
        new SectionKey<Campaign, MemslotUpdateSettings>("memslotUpdates", _memslotUpdates, s => s.MemslotUpdates),
        new SectionKey<Campaign, DirtyLogSettings>("dirtyLog", _dirtyLog, s => s.DirtyLog),
        new SectionKey<Campaign, SoftwareWriteSettings>("softwareWrites", _softwareWrites, s => s.SoftwareWrites),
        new SectionKey<Campaign, MigrationSettings>("migrations", MigrationSchema.Migrations, s => s.Migrations),
        new SectionKey<Campaign, TeardownSettings>("teardowns", _teardowns, s => s.Teardowns),
        new SectionKey<Campaign, AuditSettings>("audits", _audits, s => s.Audits),
        new SectionKey<Campaign, LimitSettings>("limits", _limits, s => s.Limits),
        new TableKey<Campaign, long>("minimum", [.. CounterTable.All.Select(counter => counter.Name)], ValueKinds.Long(
            "count", 0, 1_000_000_000_000), s => s.Minimum,
            "the least of this counter; below it the verdict is `unknown`"),
        new SectionKey<Campaign, TelemetrySettings>("telemetry", _telemetry, s => s.Telemetry));
}
