using System.Text.Json.Serialization;

namespace Livebed.Driver.Results;

/// <summary>What the model says of a whole migration; times in milliseconds.</summary>
/// <param name="Rounds">from the workload alone, before the first page; null when it says that rounds never end</param>
/// <param name="TotalTime">set-up as measured, and the sum of the predictions that were made from round to round</param>
/// <param name="Downtime">of the pages that were left at the last sync, and what switchovers of this kind of VM cost before, in the median</param>
public sealed record MigrationPrediction(
    int? Rounds,
    [property: JsonPropertyName("total-time")] double TotalTime,
    [property: JsonPropertyName("downtime")] double Downtime);
