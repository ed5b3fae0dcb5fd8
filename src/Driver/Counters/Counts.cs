namespace Livebed.Driver.Counters;

/// <summary>What happened, counted over all silos; the order here is the order in results.json.</summary>
public sealed record Counts
{
    public long Accesses { get; init; }
    public long TlbRefills { get; init; }
    public long Faults { get; init; }
    public long FaultRetries { get; init; }
    public long NotifierRanges { get; init; }
    public long NotifierElided { get; init; }

    /// <summary>Of <see cref="MmuLockAcquisitions"/>, those by range_start and range_end: what eliding saves.</summary>
    public long NotifierMmuLockAcquisitions { get; init; }
    public long MmuLockAcquisitions { get; init; }
    public long MemslotUpdates { get; init; }
    public long DirtyLogGets { get; init; }
    public long DirtyPagesReported { get; init; }
    public long DeviceWrites { get; init; }
    public long KsmMerges { get; init; }
    public long KsmUnmerges { get; init; }
    public long MigrationsCompleted { get; init; }
    public long MigrationsFailed { get; init; }

    /// <summary>By order of the driver; one that gave itself up after its time limit has failed.</summary>
    public long MigrationsCancelled { get; init; }
    public long Teardowns { get; init; }
    public long ChecksEvaluated { get; init; }
}

/// <summary>The counters by the names that results.json and a campaign's <c>minimum</c> give them.</summary>
public static class CounterTable
{
    public static IReadOnlyList<(string Name, Func<Counts, long> Read)> All { get; } =
    [
        ("accesses", counts => counts.Accesses),
        ("tlbRefills", counts => counts.TlbRefills),
        ("faults", counts => counts.Faults),
        ("faultRetries", counts => counts.FaultRetries),
        ("notifierRanges", counts => counts.NotifierRanges),
        ("notifierElided", counts => counts.NotifierElided),
        ("notifierMmuLockAcquisitions", counts => counts.NotifierMmuLockAcquisitions),
        ("mmuLockAcquisitions", counts => counts.MmuLockAcquisitions),
        ("memslotUpdates", counts => counts.MemslotUpdates),
        ("dirtyLogGets", counts => counts.DirtyLogGets),
        ("dirtyPagesReported", counts => counts.DirtyPagesReported),
        ("deviceWrites", counts => counts.DeviceWrites),
        ("ksmMerges", counts => counts.KsmMerges),
        ("ksmUnmerges", counts => counts.KsmUnmerges),
        ("migrationsCompleted", counts => counts.MigrationsCompleted),
        ("migrationsFailed", counts => counts.MigrationsFailed),
        ("migrationsCancelled", counts => counts.MigrationsCancelled),
        ("teardowns", counts => counts.Teardowns),
        ("checksEvaluated", counts => counts.ChecksEvaluated),
    ];

    /// <summary>The value of a counter; 0 for a name that is none.</summary>
    public static long Read(Counts counts, string name) => All.FirstOrDefault(counter => counter.Name == name).Read?.Invoke(counts) ?? 0;
}
