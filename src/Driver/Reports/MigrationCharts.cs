using System.Text.Json;
using System.Text.Json.Serialization;
using Livebed.Driver.Results;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Reports;

/// <summary>What is drawn of migrations: measured beside predicted.</summary>
internal static class MigrationCharts
{
    /// <summary>Of a run: what its completed migrations took, in their order.</summary>
    public static IEnumerable<ChartData> OfAll(IReadOnlyList<MigrationResult> migrations)
    {
        var done = migrations.Where(migration => migration.Status == MigrationStatus.Completed).ToList();
        if (done.Count < 2) yield break;
        int[] order = [.. Enumerable.Range(1, done.Count)];
        yield return new("total-time of each completed migration, ms", "migration", order,
            [.. done.Select(migration => migration.TotalTime)], [.. done.Select(migration => migration.Predicted?.TotalTime)],
            [.. done.Select(migration => migration.Forecast?.TotalTime)]);
        yield return new("downtime of each completed migration, ms", "migration", order,
            [.. done.Select(migration => migration.Downtime)], [.. done.Select(migration => migration.Predicted?.Downtime)],
            [.. done.Select(migration => migration.Forecast?.Downtime)]);
    }

    /// <summary>Of one migration: its rounds.</summary>
    public static IEnumerable<ChartData> OfRounds(IReadOnlyList<MigrationRound> rounds)
    {
        int[] numbers = [.. rounds.Select(round => round.Round)];
        yield return new("duration of each round, ms", "round", numbers,
            [.. rounds.Select(round => round.DurationMilliseconds)], [.. rounds.Select(round => round.Predicted?.DurationMilliseconds)],
            [.. rounds.Select(round => round.Forecast?.DurationMilliseconds)]);
        yield return new("pages dirtied in each round", "round", numbers,
            [.. rounds.Select(round => (double)round.DirtiedPages)], [.. rounds.Select(round => (double?)round.Predicted?.DirtiedPages)],
            [.. rounds.Select(round => (double?)round.Forecast?.DirtiedPages)]);
    }
}

/// <summary>A chart of what was measured beside what was predicted, as report.js reads it.</summary>
/// <param name="Title">what is drawn, with its unit</param>
/// <param name="Across">what the numbers along the bottom are</param>
/// <param name="X">those numbers, ascending</param>
/// <param name="Measured">a value for each</param>
/// <param name="Model">what the analytic model expected, null where it expected nothing</param>
/// <param name="Workload">what the forecast from the workload expected, null where there is none</param>
public sealed record ChartData(
    string Title, string Across, IReadOnlyList<int> X, IReadOnlyList<double> Measured, IReadOnlyList<double?> Model,
    IReadOnlyList<double?> Workload)
{
    // The encoder of System.Text.Json escapes what HTML would take for markup.
    public string ToJson() => JsonSerializer.Serialize(this, ChartDataContext.Default.ChartData);
}

/// <summary>The generated serialiser of charts.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(ChartData))]
internal sealed partial class ChartDataContext : JsonSerializerContext;
