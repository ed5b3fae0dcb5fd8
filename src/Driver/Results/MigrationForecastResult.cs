using System.Text.Json.Serialization;
using Livebed.Kvm.Migration.Prediction;

namespace Livebed.Driver.Results;

/// <summary>A whole migration as it was forecast from the workload alone; times in milliseconds.</summary>
/// <param name="Verdict">as of `livebed predict`</param>
/// <param name="Rounds">of pre-copy</param>
/// <param name="Transferred">bytes on the wire</param>
/// <param name="TotalTime">until it completes or is given up</param>
/// <param name="Downtime">null without a switchover; with what switchovers of this kind of VM cost before</param>
/// <param name="ThrottledMilliseconds">guest time lost to throttling</param>
/// <param name="StartMilliseconds">where the guest's program was when it began</param>
public sealed record MigrationForecastResult(
    ForecastVerdict Verdict,
    int Rounds,
    long Transferred,
    [property: JsonPropertyName("total-time")] double TotalTime,
    [property: JsonPropertyName("downtime")] double? Downtime,
    double ThrottledMilliseconds,
    double StartMilliseconds)
{
    public static MigrationForecastResult From(MigrationForecast forecast, double startMilliseconds) => new(
        forecast.Verdict, forecast.Rounds.Count, forecast.Transferred, forecast.TotalTimeMilliseconds, forecast.DowntimeMilliseconds, forecast.ThrottledMilliseconds,
        startMilliseconds);
}
