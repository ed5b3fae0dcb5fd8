using System.Text.Json.Serialization;

namespace Livebed.Driver.Results;

/// <summary>One migration under the field names of QEMU's <c>query-migrate</c>; times in milliseconds.</summary>
public sealed record MigrationResult(
    string Vm,
    string Status,
    [property: JsonPropertyName("total-time")] long TotalTime,
    [property: JsonPropertyName("downtime")] long Downtime,
    [property: JsonPropertyName("setup-time")] long SetupTime);
