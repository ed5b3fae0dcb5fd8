namespace Livebed.Explorer.Replays;

/// <summary>A replay that cannot be read or followed; the message is one line for a person.</summary>
public sealed class ReplayException(string message) : Exception(message);
