using System.Text.Json;
using Livebed.Driver.Exploring;

namespace Livebed.Driver.Migrating;

/// <summary>What `migrate --json` prints; docs/migration.md explains each field. A field without a value is null, never absent.</summary>
internal static class MigrateJson
{
    public static string Write(MigrateRequest request, IReadOnlyList<MigrateRow> rows) =>
        JsonSerializer.Serialize(new { request.Seed, rows = rows.Select(RowOf) }, ExploreJson.Options) + "\n";

    private static object RowOf(MigrateRow row) => new
    {
        row.Cell.Workload,
        row.Cell.Bandwidth,
        row.Cell.Strategy,
        row.Cell.DirtyShare,
        row.Verdict,
        row.Reasons,
        status = row.Migration?.Status,
        reason = row.Migration?.Reason,
        measured = row.Migration is { } measured
            ? new
            {
                rounds = measured.Rounds.Count,
                measured.Ram.Transferred,
                totalTimeMilliseconds = Math.Round(measured.TotalTime - measured.CheckTime, 3),
                downtimeMilliseconds = measured.Downtime,
                measured.CpuThrottlePercentage,
                vcpuThrottleTimeMilliseconds = measured.VcpuThrottleTime,
                measured.Ram.PostcopyRequests,
                postcopyBlocktimeMilliseconds = measured.PostcopyBlocktime,
                postcopyVcpuBlocktimeMilliseconds = measured.PostcopyVcpuBlocktime,
            }
            : null,
        forecast = row.Migration?.Forecast is { } forecast
            ? new
            {
                forecast.Verdict,
                forecast.Rounds,
                forecast.Transferred,
                totalTimeMilliseconds = forecast.TotalTime,
                downtimeMilliseconds = forecast.Downtime,
                forecast.ThrottledMilliseconds,
                forecast.StartMilliseconds,
            }
            : null,
        row.GeometricRounds,
        row.ModelHolds,
        row.KeepsGoals,
        row.DivergingRound,
        roundsAsPredicted = row.RoundsHeld.Held,
        roundsPredicted = row.RoundsHeld.Of,
        row.BehindMicroseconds,
        row.Folder,
    };
}
