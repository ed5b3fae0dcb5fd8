using System.Globalization;
using System.Text;
using Livebed.Driver.Results;
using Livebed.Driver.Terminal;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;
using Spectre.Console;

namespace Livebed.Driver.Migrating;

/// <summary>The table of `migrate`: what was measured and, in the column after it, what was predicted from the workload alone; in the
/// terminal and as Markdown.</summary>
internal static class MigrateTable
{
    private static readonly string[] _columns = ["workload", "link", "strategy", "ended", "rounds", "model", "total", "model", "downtime",
        "model"];

    public static void Write(IAnsiConsole console, IReadOnlyList<MigrateRow> rows)
    {
        var table = Tables.Create(_columns);
        for (var column = 2; column < 4; column++) table.Columns[column].LeftAligned();
        foreach (var row in rows) table.Row(Cells(row));
        console.Write(table);
        foreach (var row in rows)
            foreach (var remark in Remarks(row))
                console.Write(new Text($"{Name(row)}: {remark}\n"));
    }

    /// <summary>With what the terminal says below the table in a column of its own.</summary>
    public static string Markdown(IReadOnlyList<MigrateRow> rows)
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"| {string.Join(" | ", _columns)} | rounds as predicted | remarks |");
        text.AppendLine(CultureInfo.InvariantCulture, $"|{string.Concat(Enumerable.Repeat(" --- |", _columns.Length + 2))}");
        foreach (var row in rows)
        {
            var (held, judged) = row.RoundsHeld;
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"| {string.Join(" | ", Cells(row))} | {held} of {judged} | {string.Join("; ", Remarks(row))} |");
        }

        return text.Replace("\r\n", "\n").ToString();
    }

    /// <summary>A row while the next one runs.</summary>
    public static string Line(MigrateRow row) =>
        $"{Name(row)}: {Ended(row)} after {Rounds(row.Migration?.Rounds.Count)}, {Time(row.Migration?.TotalTime)}, "
            + $"downtime {Time(row.Migration?.Downtime)}";

    private static string Name(MigrateRow row) =>
        $"{row.Cell.Workload} {Figures.Bytes(row.Cell.Bandwidth)}/s {KebabCase.Of(row.Cell.Strategy)}";

    private static IEnumerable<string> Cells(MigrateRow row)
    {
        var (migration, forecast) = (row.Migration, row.Migration?.Forecast);
        var isOver = migration is { Status: MigrationStatus.Completed };
        var completes = forecast?.Verdict is ForecastVerdict.Converges or ForecastVerdict.Postcopy or ForecastVerdict.OverLimit;
        return
        [
            row.Cell.Workload, $"{Figures.Bytes(row.Cell.Bandwidth)}/s", KebabCase.Of(row.Cell.Strategy), Ended(row),
            Count(migration?.Rounds.Count),
            row.Cell.DirtyShare is null ? Count(forecast?.Rounds) : row.GeometricRounds is { } rounds ? Count(rounds) : "never",
            Time(migration?.TotalTime - migration?.CheckTime), Time(forecast?.TotalTime), isOver ? Time(migration!.Downtime) : "-",
            completes ? Time(forecast!.Downtime) : "-",
        ];
    }

    private static string Ended(MigrateRow row) => row.Migration is { } migration

            ? migration.Status == MigrationStatus.Completed && migration.Statuses.Any(step => step.Status == MigrationStatus.PostcopyActive)
            ? "postcopy"
            : KebabCase.Of(migration.Status)
        : "-";

    private static IEnumerable<string> Remarks(MigrateRow row)
    {
        if (row.Verdict != VerdictKind.Valid) yield return $"{KebabCase.Of(row.Verdict)}: {row.Reasons[0]} ({row.Folder})";
        if (row.Migration is not { } migration) yield break;
        if (migration.Reason is { } reason) yield return reason;
        if (row.DivergingRound is { } round) yield return string.Create(CultureInfo.InvariantCulture, $"diverging since round {round}");
        if (migration.Forecast is { Verdict: ForecastVerdict.Diverging or ForecastVerdict.OutOfTime or ForecastVerdict.OverLimit } forecast)
            yield return $"forecast: {KebabCase.Of(forecast.Verdict)}";
        if (migration.CpuThrottlePercentage > 0)
            yield return string.Create(CultureInfo.InvariantCulture, $"guest throttled by up to {migration.CpuThrottlePercentage} %");
        if (migration.VcpuThrottleTime.Count > 0)
            yield return $"vCPUs slept {string.Join(", ", migration.VcpuThrottleTime.Select(slept => Time(slept)))} under the throttle "
                + $"(model {Time(migration.Forecast?.ThrottledMilliseconds)})";
        if (migration.Ram.PostcopyRequests > 0)
            yield return string.Create(CultureInfo.InvariantCulture, $"{migration.Ram.PostcopyRequests} pages asked for");

        // Nothing is reported for a lost guest.
        if (migration.PostcopyVcpuBlocktime.Count > 0)
            yield return $"vCPUs blocked {string.Join(", ", migration.PostcopyVcpuBlocktime.Select(blocked => Time(blocked)))}, "
                + $"all at once {Time(migration.PostcopyBlocktime)}";
        if (row.StarvedBandwidth is { } used)
            yield return $"its rounds had {Figures.Bytes(used)}/s of the link: this machine, or what else runs on it, carries no more";
        if (DowntimeText.Overrun(migration) is { } overrun) yield return overrun;
        if (row.MissedGoal is { } missed) yield return $"misses the goal: {missed}";
        if (row.ModelHolds == false) yield return "the geometric model does not hold";
    }

    private static string Rounds(int? rounds) => rounds == 1 ? "1 round" : $"{Count(rounds)} rounds";

    private static string Count(int? count) => count?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static string Time(double? milliseconds) => milliseconds is { } time ? Figures.Microseconds(time * 1e3) : "-";
}
