using System.Globalization;
using Livebed.Driver.Results;
using Livebed.Kvm.Migration;
using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>
/// The migrations of a run: a row for each workload, with what was measured and, in the column after it, what was predicted. Medians are over completed migrations. What went
/// wrong stands below, a line each.
/// </summary>
internal static class MigrationReport
{
    /// <summary>Lines about migrations that did not complete; results.json has all.</summary>
    private const int FailuresMax = 5;

    public static void Write(IAnsiConsole console, IReadOnlyList<MigrationResult> migrations)
    {
        if (migrations.Count == 0) return;
        var table = Tables.Create("migrated", "done", "rounds", "model", "total", "model", "downtime", "max", "model");
        foreach (var workload in migrations.GroupBy(migration => migration.Workload)) table.Row(Cells(workload.Key, [.. workload]));
        console.Write(table);
        var failed = migrations.Where(migration => migration.Status == MigrationStatus.Failed || migration.GuestLost).ToList();
        foreach (var migration in failed.Take(FailuresMax))
        {
            var lost = migration.GuestLost ? "; its guest is lost" : "";
            console.Write(new Text($"{migration.Vm}, {migration.Source} to {migration.Destination}, failed: {migration.Reason}{lost}\n"));
        }

        if (failed.Count > FailuresMax) console.Write(new Text(string.Create(CultureInfo.InvariantCulture, $"… and {failed.Count - FailuresMax} more failed migrations\n")));
    }

    private static IEnumerable<string> Cells(string workload, IReadOnlyList<MigrationResult> all)
    {
        var done = all.Where(migration => migration.Status == MigrationStatus.Completed).ToList();
        yield return workload;
        yield return string.Create(CultureInfo.InvariantCulture, $"{done.Count}/{all.Count}");
        yield return Count(done, migration => migration.Rounds.Count);
        yield return Count(done.Where(migration => migration.Predicted is not null), migration => migration.Predicted!.Rounds ?? double.PositiveInfinity);
        yield return Time(done, migration => migration.TotalTime);
        yield return Time(done.Where(migration => migration.Predicted is not null), migration => migration.Predicted!.TotalTime);
        yield return Time(done, migration => migration.Downtime);
        yield return done.Count == 0 ? "-" : Figures.Microseconds(done.Max(migration => migration.Downtime) * 1e3);
        yield return Time(done.Where(migration => migration.Predicted is not null), migration => migration.Predicted!.Downtime);
    }

    private static string Count(IEnumerable<MigrationResult> migrations, Func<MigrationResult, double> read) =>
        Median(migrations.Select(read)) is not { } median ? "-" : double.IsInfinity(median) ? "never" : median.ToString("0.#", CultureInfo.InvariantCulture);

    private static string Time(IEnumerable<MigrationResult> migrations, Func<MigrationResult, double> read) =>
        Median(migrations.Select(read)) is { } median ? Figures.Microseconds(median * 1e3) : "-";

    private static double? Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToList();
        if (sorted.Count == 0) return null;
        return sorted.Count % 2 == 1 ? sorted[sorted.Count / 2] : (sorted[sorted.Count / 2 - 1] + sorted[sorted.Count / 2]) / 2;
    }
}
