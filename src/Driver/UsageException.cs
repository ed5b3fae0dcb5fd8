namespace Livebed.Driver;

/// <summary>
/// Bad input found at the door: the message is one line that says what was wrong, where, and what is allowed. The command prints it,
/// leaves nothing behind and exits with <see cref="ExitCodes.Usage"/>. The runner throws it too (a port in use).
/// </summary>
public sealed class UsageException(string message) : Exception(OneLine.Of(message));
