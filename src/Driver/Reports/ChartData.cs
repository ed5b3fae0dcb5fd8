using System.Text.Json;

namespace Livebed.Driver.Reports;

/// <summary>A chart of what was measured beside what was predicted, as report.js reads it.</summary>
/// <param name="Title">what is drawn, with its unit</param>
/// <param name="Across">what the numbers along the bottom are</param>
/// <param name="X">those numbers, ascending</param>
/// <param name="Measured">a value for each</param>
/// <param name="Model">what the analytic model expected, null where it expected nothing</param>
/// <param name="Workload">what the forecast from the workload expected, null where there is none</param>
public sealed record ChartData(string Title, string Across, IReadOnlyList<int> X, IReadOnlyList<double> Measured, IReadOnlyList<double?> Model, IReadOnlyList<double?> Workload)
{
    // The encoder of System.Text.Json escapes what HTML would take for markup.
    public string ToJson() => JsonSerializer.Serialize(this, ChartDataContext.Default.ChartData);
}
