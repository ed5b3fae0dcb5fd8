namespace Livebed.Driver.Errors;

/// <summary>
/// Bad input found before the run: the message is one line that says what was wrong, where, and what is allowed. The command prints it,
/// leaves nothing behind and exits with <see cref="ExitCodes.Usage"/>. The runner throws it too (a port in use).
/// </summary>
public sealed class UsageException(string message) : Exception(OneLine.Of(message));

/// <summary>
/// The bed itself failed, for a reason that the user can read: a silo that did not start, a disk that is full. The command prints the
/// message, keeps what was written and exits with <see cref="ExitCodes.BedFailed"/>.
/// </summary>
public sealed class BedException(string message, Exception? inner = null) : Exception(OneLine.Of(message), inner);

/// <summary>
/// What was to be tested is not there, as a silo that does not join: nothing was found out, and the bed did not fail. The command prints
/// the message, leaves nothing behind and exits with <see cref="ExitCodes.Unknown"/>.
/// </summary>
public sealed class UndecidedException(string message) : Exception(OneLine.Of(message));

/// <summary>Exit status of the command; docs/results.md explains them to users.</summary>
public static class ExitCodes
{
    public const int Valid = 0;
    public const int Invalid = 1;
    public const int Unknown = 2;

    /// <summary>A migration would not complete within its limits (`predict`), or is slower than its goals (`bench`), or a condition of
    /// `analyze --fail-if` holds.</summary>
    public const int NotWithinLimits = 3;

    /// <summary>EX_USAGE of sysexits.h.</summary>
    public const int Usage = 64;

    /// <summary>EX_SOFTWARE of sysexits.h: the bed failed, which says nothing about what it was testing.</summary>
    public const int BedFailed = 70;

    /// <summary>128 + SIGINT, as shells report it.</summary>
    public const int Interrupted = 130;
}

/// <summary>Folds a text into one line, since error messages of the command are exactly that.</summary>
internal static class OneLine
{
    public static string Of(string text) => Printable.InOneLine(text);
}
