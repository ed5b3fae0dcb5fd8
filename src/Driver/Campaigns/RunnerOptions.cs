namespace Livebed.Driver.Campaigns;

/// <summary>
/// How to run, beside what the campaign says: silos as processes of their own or embedded, where traces and metrics go (null: only the
/// run folder), whether the silos' logs go to standard error, and the first of the silos' ports (null: free ones are found).
/// </summary>
public sealed record RunnerOptions(bool Processes = false, Uri? Otlp = null, bool Verbose = false, int? BasePort = null);
