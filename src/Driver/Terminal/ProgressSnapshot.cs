namespace Livebed.Driver.Terminal;

/// <summary>The figures of a run so far, all since its start; rates are made from two snapshots.</summary>
public sealed record ProgressSnapshot(
    TimeSpan Elapsed,
    TimeSpan Duration,
    IReadOnlyList<OperationProgress> Operations,
    long Accesses,
    long Faults,
    long FaultRetries,
    long Violations)
{
    /// <summary>Under way now, in the order in which they began.</summary>
    public IReadOnlyList<MigrationProgress> Migrations { get; init; } = [];
}
