using System.Globalization;
using Livebed.Driver.Results;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Spectre.Console;

namespace Livebed.Driver.Terminal;

/// <summary>
/// The rounds of a migration, and beside what was measured the two forecasts: of the analytic model, one round ahead, and of the workload,
/// made before the first page. Of each workload its last migration that completed is shown, or where none did its last; the report has all.
/// </summary>
internal static class RoundReport
{
    public static void Write(IAnsiConsole console, IReadOnlyList<MigrationResult> migrations)
    {
        foreach (var workload in migrations.Where(migration => migration.Rounds.Count > 0).GroupBy(migration => migration.Workload))
            Write(console, workload.LastOrDefault(migration => migration.Status == MigrationStatus.Completed) ?? workload.Last());
    }

    /// <summary>Why a round was not as the model expected; empty when it was or the reason is unknown.</summary>
    public static string WhyOf(MigrationRound round) =>
        round.GapReason is null or GapReason.None ? "" : KebabCase.Of(round.GapReason.Value);

    private static void Write(IAnsiConsole console, MigrationResult migration)
    {
        console.Write(
            new Text($"rounds of {migration.Vm}, {migration.Source} to {migration.Destination}, "
                + $"{KebabCase.Of(migration.Status)}:\n"));
        var table = Tables.Create("round", "time", "model", "workload", "dirtied", "model", "workload", "why");
        table.Columns[^1].LeftAligned();
        foreach (var round in RoundCut.Of(migration.Rounds))
        {
            if (round is null) table.Ellipsis();
            else table.Row(Cells(round));
        }

        console.Write(table);
        var diverging = migration.Rounds.Where(round => round.Diverging).ToList();
        if (diverging.Count == 0) return;
        console.Write(new Text(string.Create(
            CultureInfo.InvariantCulture,
            $"{diverging.Count} of {migration.Rounds.Count} rounds gained nothing (diverging), the first {diverging[0].Round}, "
                + $"the last {diverging[^1].Round}\n")));
    }

    private static string[] Cells(MigrationRound round) =>
    [
        round.Round.ToString(CultureInfo.InvariantCulture),
        Figures.Milliseconds(round.DurationMilliseconds), Figures.Milliseconds(round.Predicted?.DurationMilliseconds),
        Figures.Milliseconds(round.Forecast?.DurationMilliseconds),
        Figures.Count(round.DirtiedPages), Dirtied(round.Predicted), Dirtied(round.Forecast),
        WhyOf(round),
    ];

    private static string Dirtied(RoundResult? forecast) => forecast is null ? "-" : Figures.Count(forecast.DirtiedPages);
}

/// <summary>Of many rounds the first and the last few are shown, and a row of dots for the others; the JSON has all.</summary>
internal static class RoundCut
{
    private const int First = 16;
    private const int Last = 4;

    /// <summary>What of a list of rounds is shown, in order; null stands for those that are left out.</summary>
    public static IEnumerable<T?> Of<T>(IReadOnlyList<T> rounds)
        where T : class
    {
        if (rounds.Count <= First + Last + 1) return rounds;
        return [.. rounds.Take(First), null, .. rounds.TakeLast(Last)];
    }
}
