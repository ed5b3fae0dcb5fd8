using System.Text.Json;
using Livebed.Driver.Exploring;
using Livebed.Kvm.Prediction;

namespace Livebed.Driver.Explaining;

/// <summary>What `explain --json` prints; docs/your-vm.md explains each field. A field without a value is null, never absent.</summary>
internal static class ExplainJson
{
    public static string Write(ExplainRequest request, ForecastsByStart byStart, Explanation explanation) => JsonSerializer.Serialize(
        new
        {
            log = request.Measured.Source,
            status = request.Measured.Status,
            downtimeMilliseconds = request.Measured.DowntimeMilliseconds,
            bandwidth = request.BytesPerSecond,
            isBandwidthMeasured = request.IsBandwidthMeasured,
            explanation = ExplanationText.Sentences(request, byStart, explanation).Select(sentence => sentence.Text),
            firstDeparture = explanation.FirstDeparture?.Measured.Number,
            neededDowntimeMilliseconds = explanation.Unreachable?.NeededMilliseconds,
            forecast = new
            {
                starts = byStart.Forecasts.Count,
                completes = byStart.Forecasts.Count(forecast => forecast.SwitchesOver),
                totalTimeMilliseconds = byStart.TotalTime,
                downtimeMilliseconds = byStart.Downtime,
            },
            rounds = explanation.Rounds.Select(RoundOf),
        },
        ExploreJson.Options) + "\n";

    private static object RoundOf(ExplainedRound round) => new
    {
        round = round.Measured.Number,
        reason = round.Reason,
        durationMilliseconds = round.Measured.Milliseconds,
        transferred = round.Measured.Bytes,
        remaining = round.Measured.LeftBytes,
        duplicate = round.Measured.ZeroPages,
        dirtyPagesPerSecond = round.Measured.DirtyPagesPerSecond,
        throttlePercentage = round.Measured.ThrottlePercentage,
        bandwidth = round.Measured.Bandwidth is { } bandwidth ? Math.Round(bandwidth) : (double?)null,
        departs = ExplanationText.Departed(round),
        forecast = round.Milliseconds is null
            ? null
            : new
            {
                durationMilliseconds = round.Milliseconds,
                transferred = round.Bytes,
                dirtyPagesPerSecond = round.DirtyPagesPerSecond,
                remaining = round.Left,
                bandwidth = round.Bandwidth,
            },
    };
}
