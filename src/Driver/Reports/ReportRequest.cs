namespace Livebed.Driver.Reports;

/// <summary>What `report` was asked for.</summary>
/// <param name="Run">the folder of a run, as it was typed</param>
/// <param name="Out">where the report is written; null for the run's folder</param>
internal sealed record ReportRequest(string Run, string? Out);
