using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Tests.Results;

/// <summary>Results in which every field has a value of its own.</summary>
internal static class SampleResults
{
    private static readonly Round _expected = new(1, 100, 2, 51_000, 10_500, 50, 26_000, 5_250, 20, DirtyLimited: true);

    private static readonly Round _forecast = new(1, 90, 1, 46_000, 9_250, 44, 22_528, 4_500, 21, DirtyLimited: true);

    private static readonly DateTimeOffset _startedAt = new(2026, 11, 22, 21, 15, 3, TimeSpan.Zero);

    public static Campaign Campaign { get; } = new()
    {
        Name = "sample",
        Seed = 4242,
        Protocol = "rwsem",
        Mutant = "no-tlb-flush",
        Reached = new(StringComparer.Ordinal) { ["fault-retried"] = 21 },
        Placement = Placement.Packed,
    };

    /// <summary>A migration in which every field has a value of its own; its status is not one that a migration ends with.</summary>
    public static MigrationResult Migration => new()
    {
        Vm = "redis (vm-0)",
        Workload = "redis",
        Source = "host-0",
        Destination = "host-1",
        Epoch = 3,
        Status = MigrationStatus.PostcopyPaused,
        Reason = "not done after 1000 ms",
        GuestLost = true,
        TotalTime = 1500.25,
        SetupTime = 3.5,
        Downtime = 40.125,
        DowntimeLimit = 45.5,
        DowntimeParts = new(1.5, 30.25, 0.875, 7.5),
        CheckTime = 12.5,
        ExpectedDowntime = 38,
        CpuThrottlePercentage = 30,
        VcpuThrottleTime = [75.5, 80.25],
        Ram = MigrationRam.From(new MigrationInfo
        {
            Remaining = 4096,
            Total = 1 << 20,
            PageSize = 512,
            PrecopyBytes = 900_000,
            DowntimeBytes = 20_000,
            PostcopyBytes = 5_000,
            Normal = 1_800,
            Duplicate = 12,
            DirtySyncCount = 4,
            DirtyPagesRate = 1234.5,
            PostcopyRequests = 6,
            TotalMicroseconds = 1_500_250,
        }),
        PostcopyBlocktime = 1.25,
        PostcopyVcpuBlocktime = [4.5, 1.25],
        PostcopyPauses = 2,
        Predicted = new(5, 1400.5, 39.25),
        Forecast = new(ForecastVerdict.OutOfTime, 4, 1_234_567, 1450.25, 37.5, 77.75, 512.125),
        Rounds = [MeasuredRound],
        Statuses = [new(MigrationStatus.Setup, 0.5), new(MigrationStatus.Active, 3.5)],
    };

    /// <summary>Two seconds of a run.</summary>
    public static RunCharts Charts { get; } = new()
    {
        BeganMicroseconds = 3_500_000,
        Micros = [0, 1_000_000, 2_000_000],
        Series =
        [
            new(ChartGroup.Guests, "redis (vm-0)", [0, 500, 900]), new(ChartGroup.Faults, "faults", [0, 50, 70]),
            new(ChartGroup.Operations, "unmap", [0, 5, 7]), new(ChartGroup.LockWaits, "mmu_lock-R", [0, 5, 12]),
            new(ChartGroup.SiloWaits, "silo-0", [0, 5, 12]), new(ChartGroup.Retries, "retry-for-sequence", [0, 1, 3]),
            new(ChartGroup.Bed, "stood still", [0, 0, 20_000]),
        ],
        Bars = [new("unmap", 100, 900_100, "operation", "op 0.12: 3 pages"),
            new("migration of redis (vm-0)", 200, 1_500, "active", "done")],
        Marks = [new("link-break", 1_200, "host-0: chunk 3")],
        Latencies = [new("unmap", [100, 200, 31_000_000])],
    };

    public static RunOutcome Outcome { get; } = new()
    {
        Silos =
        [
            new("silo-0", "127.0.0.1:11111", 4711, ContactLost: true, 2), new("silo-1", "127.0.0.1:11112", 4711, ContactLost: false, 3),
        ],
        DurationSeconds = 30.125,
        WarmUpSeconds = 3.5,
        Counts = new()
        {
            Accesses = 123_456_789,
            TlbRefills = 2_345_678,
            Faults = 1_234_567,
            FaultRetries = 3,
            NotifierRanges = 4,
            NotifierElided = 5,
            NotifierMmuLockAcquisitions = 66,
            MmuLockAcquisitions = 6,
            MemslotUpdates = 7,
            DirtyLogGets = 8,
            DirtyPagesReported = 9,
            DeviceWrites = 19,
            KsmMerges = 10,
            KsmUnmerges = 11,
            MigrationsCompleted = 12,
            MigrationsFailed = 13,
            MigrationsCancelled = 16,
            Teardowns = 14,
            ChecksEvaluated = 15,
        },
        Reached = new Dictionary<string, long> { ["fault-retried"] = 22 },
        Load = new(
            new Dictionary<string, OperationLoad> { ["unmap"] = new(20, 3, 2), ["dirty-log-get"] = new(2_469_134, 1_234_567, 1) },
            90_000_000,
            45_000_000),
        Latency = new Dictionary<string, LatencySummary>
        {
            ["unmap"] = new(1_000, 120, 4_500, 900_000, 31_000_000),
            ["dirty-log-get"] = new(2_000_000, 999, 12_345, 67_890, 123_456),
        },
        Locks =
        [
            new(
                "mmu_notifier_slots_lock_unfair", "write", 1_234_567, 234_567, 345_678, 123_456, 1, 7_654_321, 987_654_321, 421.5, 2,
                8_654_321, 887_654_321, 321.25),
            new("mmu_lock", "read", 10, 4, 3, 2, 1, 5, 12, 3, 2, 6, 20, 2),
        ],
        PotentialCycles = [
            new("slots_lock -> mmap_lock -> slots_lock", ["MemslotCreate holds slots_lock(w) and asks for mmap_lock (r)", "Unmap holds "
                + "mmap_lock(w) …"])],
        Hangs =
        [
            new(HangKind.Deadlock, "deadlock", "two operations wait for each other", 2_000_000, ["op 0.12", "op 0.13"],
                ["op 0.12 (NestedRange) waits for mmu_notifier_slots_lock (read) of vm-0, behind op 0.13", "op 0.13 (MemslotCreate) "
                    + "waits for op 0.12"]),
        ],
        Violations =
        [
            new(
                "S1", "a guest read page 0x10 through a translation that was unmapped", "silo-0", "vm-0", 16, 4096, 7, ["op 1.2"],
                ["start at 12", "end at 15"]),
        ],
        Migrations = [Migration],
        TurnQueue = new(99, 1, 2, 3, 4),
        Ksm = new() { PagesShared = 1, PagesSharing = 2, PagesUnshared = 3, PagesVolatile = 4, FullScans = 5, MergesAbandoned = 6 },
        Leaks = new() { Frames = 1, Subscriptions = 2, Activations = 3, Locks = 4 },
        Guests = [new("vm-0", 4, "workloads/redis.dirty.gz", 1_000_000, 2_500_000, 0.75)],
        GuestsUnlisted = 7,
        LimitsHit = [new("historyRecords", 5, "history.jsonl ends early")],
        Nemesis = [new("kill", "silo-1", 7, 9, "silo-1 did not start", [new("redis-0 (vm-0)", "vm-0.1@host-1")]) { Calls = 3 }],
        Charts = Charts,
    };

    private static MigrationRound MeasuredRound => MigrationRound.From(
        new Round(
            1, 100, 3, 52_000, 11_500, 51, 26_112, 5_750, 20, 7, DirtyLimited: true, Diverging: true,
            LinkWaitMicroseconds: 1_250), _expected, new PredictionGap(0.095, 0.02, 0.25, GapReason.RingFull),
        _forecast);

    public static RunResults All { get; } =
        RunResults.From(
            Campaign, new("campaigns/sample.yaml", _startedAt, "dotnet run -c Release --project src/Driver -- run sample --seed 4242"),
            Outcome);
}
