using Livebed.Kvm.Migration;

namespace Livebed.Driver.Results;

/// <summary>
/// The migrations of one workload in a line: medians over those that completed, measured and, beside each, what was predicted. Times in
/// milliseconds; null where no migration has the figure, and infinite rounds where the prediction says that they never end.
/// </summary>
public sealed record MigrationSummary
{
    public required string Workload { get; init; }
    public required int Completed { get; init; }
    public required int All { get; init; }
    public required double? Rounds { get; init; }
    public required double? PredictedRounds { get; init; }
    public required double? TotalTime { get; init; }
    public required double? PredictedTotalTime { get; init; }
    public required double? Downtime { get; init; }
    public required double? DowntimeMax { get; init; }
    public required double? PredictedDowntime { get; init; }

    /// <summary>A summary for each workload, in the order of their first migrations.</summary>
    public static IReadOnlyList<MigrationSummary> Of(IEnumerable<MigrationResult> migrations) =>
        [.. migrations.GroupBy(migration => migration.Workload).Select(workload => Of(workload.Key, [.. workload]))];

    private static MigrationSummary Of(string workload, IReadOnlyList<MigrationResult> all)
    {
        var done = all.Where(migration => migration.Status == MigrationStatus.Completed).ToList();
        var predicted = done.Select(migration => migration.Predicted).OfType<MigrationPrediction>().ToList();
        return new()
        {
            Workload = workload,
            Completed = done.Count,
            All = all.Count,
            Rounds = Median(done.Select(migration => (double)migration.Rounds.Count)),
            PredictedRounds = Median(predicted.Select(prediction => prediction.Rounds ?? double.PositiveInfinity)),
            TotalTime = Median(done.Select(migration => migration.TotalTime)),
            PredictedTotalTime = Median(predicted.Select(prediction => prediction.TotalTime)),
            Downtime = Median(done.Select(migration => migration.Downtime)),
            DowntimeMax = done.Count == 0 ? null : done.Max(migration => migration.Downtime),
            PredictedDowntime = Median(predicted.Select(prediction => prediction.Downtime)),
        };
    }

    private static double? Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count == 0) return null;
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
