using Livebed.Driver.Counters;
using Livebed.Driver.Results;

namespace Livebed.Driver.Comparing;

/// <summary>A figure of a run that another run has too. Counts are a second or a share, as no two runs do equally much.</summary>
/// <param name="Name">as in <c>latency.fault.p99</c></param>
/// <param name="Unit">of the value</param>
/// <param name="Value">null where the run has none</param>
internal sealed record RunFigure(string Name, FigureUnit Unit, double? Value)
{
    /// <summary>What is looked at first, in this order.</summary>
    public static readonly IReadOnlyList<string> Main =
    [
        "deliveredShare", "accesses.perSecond", "faults.perSecond", "faultRetries.perFault", "notifierElided.share",
        "notifierMmuLockAcquisitions.perRange", "latency.fault.p50", "latency.fault.p99", "locks.mmu_lock-R.waitPerSecond",
        "locks.mmu_lock-W.waitPerSecond",
    ];

    /// <summary>All that a run has.</summary>
    public static IEnumerable<RunFigure> Of(RunResults results)
    {
        var (counts, seconds) = (results.Counts, results.DurationSeconds);
        yield return new("deliveredShare", FigureUnit.Share, results.DeliveredShare);
        foreach (var (name, read) in CounterTable.All)
            yield return new($"{name}.perSecond", FigureUnit.PerSecond, Part(read(counts), seconds));
        yield return new("faultRetries.perFault", FigureUnit.Number, Part(counts.FaultRetries, counts.Faults));
        yield return new("notifierElided.share", FigureUnit.Share, Part(counts.NotifierElided, counts.NotifierRanges));
        yield return new(
            "notifierMmuLockAcquisitions.perRange", FigureUnit.Number, Part(counts.NotifierMmuLockAcquisitions, counts.NotifierRanges));
        foreach (var (name, latency) in results.LatencyMicroseconds)
            foreach (var figure in Latencies($"latency.{name}", latency))
                yield return figure;
        foreach (var figure in Latencies("turnQueue", results.TurnQueue)) yield return figure;
        foreach (var row in results.Locks)
        {
            var name = $"locks.{row.Class}-{char.ToUpperInvariant(row.Mode[0])}";
            yield return new($"{name}.contendedShare", FigureUnit.Share, Part(row.Contentions, row.Acquisitions));
            yield return new($"{name}.waitPerSecond", FigureUnit.Microseconds, Part(row.WaitTotal, seconds));
            yield return new($"{name}.waitMax", FigureUnit.Microseconds, row.WaitMax);
            yield return new($"{name}.holdAvg", FigureUnit.Microseconds, row.HoldAvg);
        }

        foreach (var migrated in MigrationSummary.Of(results.Migrations))
        {
            var name = $"migrations.{migrated.Workload}";
            yield return new($"{name}.completedShare", FigureUnit.Share, Part(migrated.Completed, migrated.All));
            yield return new($"{name}.rounds", FigureUnit.Number, migrated.Rounds);
            yield return new($"{name}.total-time", FigureUnit.Microseconds, migrated.TotalTime * 1e3);
            yield return new($"{name}.downtime", FigureUnit.Microseconds, migrated.Downtime * 1e3);
        }
    }

    private static IEnumerable<RunFigure> Latencies(string name, LatencySummary latency)
    {
        if (latency.Count == 0) yield break;
        yield return new($"{name}.p50", FigureUnit.Microseconds, latency.P50);
        yield return new($"{name}.p99", FigureUnit.Microseconds, latency.P99);
        yield return new($"{name}.max", FigureUnit.Microseconds, latency.Max);
    }

    private static double? Part(double part, double whole) => whole > 0 ? part / whole : null;
}

/// <summary>How a figure is written.</summary>
public enum FigureUnit
{
    Number,

    /// <summary>0 to 1.</summary>
    Share,

    PerSecond,
    Microseconds,
}
