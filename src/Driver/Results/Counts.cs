namespace Livebed.Driver.Results;

/// <summary>What happened, counted over all silos; the order here is the order in results.json.</summary>
public sealed record Counts
{
    public long Accesses { get; init; }
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
    public long KsmMerges { get; init; }
    public long KsmUnmerges { get; init; }
    public long MigrationsCompleted { get; init; }
    public long MigrationsFailed { get; init; }

    /// <summary>By order of the driver; one that gave itself up after its time limit has failed.</summary>
    public long MigrationsCancelled { get; init; }
    public long Teardowns { get; init; }
    public long ChecksEvaluated { get; init; }
}
