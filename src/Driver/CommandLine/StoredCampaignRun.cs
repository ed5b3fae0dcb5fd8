using Livebed.Driver.Results;

namespace Livebed.Driver.CommandLine;

/// <summary>A campaign that was run, and what it left behind.</summary>
/// <param name="Results">as in results.json</param>
/// <param name="Json">results.json</param>
/// <param name="Folder">the run's folder</param>
/// <param name="IsInterrupted">the user cut it short</param>
internal sealed record StoredCampaignRun(RunResults Results, string Json, string Folder, bool IsInterrupted);
