using System.Globalization;
using Livebed.Driver.Results;
using Livebed.Kvm.Migration;
using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>
/// The migrations of a run: a row for each workload, with what was measured and, in the column after it, what was predicted. Medians are
/// over completed migrations. What went wrong stands below, a line each.
/// </summary>
internal static class MigrationReport
{
    /// <summary>Lines about migrations that did not complete; results.json has all.</summary>
    private const int FailuresMax = 5;

    /// <summary>The code of a hand-over is compiled when it first runs: about 0.3 s on two busy processors, where the next one takes 30 to
    /// 60 ms. `migrate` makes a small migration before its table for that.</summary>
    private const string FirstUse = "; it is the first of this run, and code that runs for the first time is compiled meanwhile";

    public static void Write(IAnsiConsole console, IReadOnlyList<MigrationResult> migrations)
    {
        if (migrations.Count == 0) return;
        var table = Tables.Create("migrated", "done", "rounds", "model", "total", "model", "downtime", "max", "model");
        foreach (var summary in MigrationSummary.Of(migrations)) table.Row(Cells(summary));
        console.Write(table);
        WriteOverruns(console, migrations);
        var failed = migrations.Where(migration => migration.Status == MigrationStatus.Failed || migration.GuestLost).ToList();
        foreach (var migration in failed.Take(FailuresMax))
        {
            var lost = migration.GuestLost ? "; its guest is lost" : "";
            console.Write(new Text($"{migration.Vm}, {migration.Source} to {migration.Destination}, failed: {migration.Reason}{lost}\n"));
        }

        if (failed.Count > FailuresMax)
            console.Write(
                new Text(string.Create(CultureInfo.InvariantCulture, $"… and {failed.Count - FailuresMax} more failed migrations\n")));
    }

    private static void WriteOverruns(IAnsiConsole console, IReadOnlyList<MigrationResult> migrations)
    {
        var over = migrations.Where(migration => DowntimeText.Overrun(migration) is not null).ToList();
        foreach (var migration in over.Take(FailuresMax))
        {
            var first = ReferenceEquals(migration, migrations[0]) ? FirstUse : "";
            console.Write(new Text($"{migration.Vm} {DowntimeText.Overrun(migration)}{first}\n"));
        }

        if (over.Count > FailuresMax)
            console.Write(new Text(string.Create(
                CultureInfo.InvariantCulture, $"… and {over.Count - FailuresMax} more over their downtime limit\n")));
    }

    private static string[] Cells(MigrationSummary summary) =>
    [
        summary.Workload,
        string.Create(CultureInfo.InvariantCulture, $"{summary.Completed}/{summary.All}"),
        Figures.Rounds(summary.Rounds), Figures.Rounds(summary.PredictedRounds),
        Figures.Milliseconds(summary.TotalTime), Figures.Milliseconds(summary.PredictedTotalTime),
        Figures.Milliseconds(summary.Downtime), Figures.Milliseconds(summary.DowntimeMax), Figures.Milliseconds(summary.PredictedDowntime),
    ];
}
