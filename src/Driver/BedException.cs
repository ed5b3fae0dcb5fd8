namespace Livebed.Driver;

/// <summary>
/// The bed itself failed, for a reason that the user can read: a silo that did not start, a disk that is full. The command prints the
/// message, keeps what was written and exits with <see cref="ExitCodes.BedFailed"/>.
/// </summary>
public sealed class BedException(string message, Exception? inner = null) : Exception(OneLine.Of(message), inner);
