namespace Livebed.Driver.Terminal;

/// <summary>Where a runner tells how it goes. Methods return at once and are safe from any thread.</summary>
public interface IRunProgress
{
    /// <summary>What the bed does now, in a few words: "starting 3 silos", "running", "tearing down".</summary>
    void Phase(string what);

    /// <summary>How far what it does now is: so many of all VMs.</summary>
    void Step(int done, int total);

    /// <summary>The figures now; once or a few times a second.</summary>
    void Report(ProgressSnapshot snapshot);
}

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
    /// <summary>Operations of the driver that have ended.</summary>
    internal long Done => Operations.Sum(operation => operation.Done);

    /// <summary>Under way now, in the order in which they began.</summary>
    public IReadOnlyList<MigrationProgress> Migrations { get; init; } = [];

    /// <summary>Microseconds that operations have waited, by lock class and mode, as in <c>mmu_lock-R</c>.</summary>
    public IReadOnlyDictionary<string, long> LockWaits { get; init; } = new Dictionary<string, long>();

    /// <summary>The part of the load that was delivered, 0 to 1.</summary>
    public double DeliveredShare { get; init; } = 1;
}

/// <summary>One operation so far: its name, how often it was done and could not be started, and its latency.</summary>
public sealed record OperationProgress(string Operation, long Done, long NotStarted, long P99Microseconds);

/// <summary>A migration under way: which VM, from where to where, its status, rounds sent, bytes that are left, and the downtime that they
/// would cost.</summary>
public sealed record MigrationProgress(
    string Vm, string Source, string Destination, string Status, int Rounds, long RemainingBytes, int CpuThrottlePercentage,
    long ExpectedDowntimeMicroseconds = 0);
