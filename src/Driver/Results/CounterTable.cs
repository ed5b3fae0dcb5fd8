namespace Livebed.Driver.Results;

/// <summary>The counters by the names that results.json and a campaign's <c>minimum</c> give them.</summary>
public static class CounterTable
{
    public static IReadOnlyList<(string Name, Func<Counts, long> Read)> All { get; } =
    [
        ("accesses", counts => counts.Accesses),
        ("faults", counts => counts.Faults),
        ("faultRetries", counts => counts.FaultRetries),
        ("notifierRanges", counts => counts.NotifierRanges),
        ("notifierElided", counts => counts.NotifierElided),
        ("notifierMmuLockAcquisitions", counts => counts.NotifierMmuLockAcquisitions),
        ("mmuLockAcquisitions", counts => counts.MmuLockAcquisitions),
        ("memslotUpdates", counts => counts.MemslotUpdates),
        ("dirtyLogGets", counts => counts.DirtyLogGets),
        ("dirtyPagesReported", counts => counts.DirtyPagesReported),
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
