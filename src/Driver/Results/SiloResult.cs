namespace Livebed.Driver.Results;

/// <summary>One silo: its name, address, process, and whether the driver lost contact with it before the end.</summary>
public sealed record SiloResult(string Name, string Address, int ProcessId, bool ContactLost);
