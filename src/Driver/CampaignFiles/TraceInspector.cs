namespace Livebed.Driver.CampaignFiles;

/// <summary>
/// Reads a whole dirty-page trace and returns how many pages it needs. Throws <see cref="Kvm.Guests.TraceFormatException"/> when it is
/// truncated or malformed.
/// </summary>
internal delegate long TraceInspector(string path);
