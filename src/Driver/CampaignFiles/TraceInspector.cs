namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// Reads a whole dirty-page trace and returns how many pages it needs. Throws an exception whose message is one line when the trace is
/// missing, truncated or malformed.
/// </summary>
internal delegate long TraceInspector(string path);
