namespace Livebed.Driver.Campaigns;

/// <summary>
/// How to run, beside what the campaign says: silos as processes of their own or embedded, where traces and metrics go (null: only the
/// run folder), and whether the silos' logs go to standard error.
/// </summary>
public sealed record RunnerOptions(bool Processes = false, Uri? Otlp = null, bool Verbose = false);
