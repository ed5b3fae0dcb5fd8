using System.Globalization;
using System.Text.Json;

namespace Livebed.Reality;

/// <summary>The shipped recordings, migrated by our own sender, beside the forecast that is made before the first page.</summary>
internal static class ForecastTable
{
    /// <param name="speed">recorded seconds that the guest replays in one</param>
    /// <returns>0 when each row was measured</returns>
    public static async Task<int> PrintAsync(double speed)
    {
        var (_, json) = await CommandRun.RunWithFoldersAsync(
        [
            "migrate", "--workload", "redis,sqlite,xz", "--bandwidth", "1Gbit/s,100Mbit/s", "--strategy", "plain", "--speed",
            speed.ToString(CultureInfo.InvariantCulture), "--time-limit", "60s", "--json",
        ]);
        if (json is not { } run) return 1;
        CommandRun.Head("workload", "link", "ended", "rounds", "total time", "off", "downtime", "off");
        foreach (var row in run.GetProperty("rows").EnumerateArray())
            CommandRun.Row(
                row.GetProperty("workload").GetString()!,
                string.Create(CultureInfo.InvariantCulture, $"{row.Number("bandwidth") * 8 / 1e6:0} Mbit/s"),
                row.GetProperty("status").GetString() ?? "-",
                string.Create(CultureInfo.InvariantCulture, $"{row.Number("measured", "rounds")}, {row.Number("forecast", "rounds")}"),
                Pair(row, "totalTimeMilliseconds"), Off(row, "totalTimeMilliseconds"), Pair(row, "downtimeMilliseconds"),
                Off(row, "downtimeMilliseconds"));
        Console.WriteLine($"\nMeasured, then forecast. {CommandRun.Machine()}");
        return 0;
    }

    private static string Pair(JsonElement row, string field) =>
        $"{CommandRun.Time(row.Number("measured", field))}, {CommandRun.Time(row.Number("forecast", field))}";

    private static string Off(JsonElement row, string field) =>
        row.Number("measured", field) is > 0 and var measured && row.Number("forecast", field) is { } forecast
            ? string.Create(CultureInfo.InvariantCulture, $"{(forecast / measured - 1) * 100:+0;-0;0} %")
            : "-";
}
