using System.Runtime.InteropServices;

namespace Livebed.Linux.Interop;

/// <summary>A system call that failed, with its error number as Linux has it (the same on x86-64 and arm64).</summary>
public sealed class SystemCallException(string call, int number)
    : Exception($"{call}: {Marshal.GetPInvokeErrorMessage(number)} (error {number})")
{
    public const int NotPermitted = 1;
    public const int NoSuchProcess = 3;
    public const int Interrupted = 4;
    public const int NoChild = 10;
    public const int NoAccess = 13;
    public const int BadAddress = 14;
    public const int Busy = 16;
    public const int InvalidArgument = 22;
    public const int TooManyFiles = 24;
    public const int NotATerminal = 25;
    public const int NoSuchCall = 38;

    /// <summary>Its error number.</summary>
    public int Number { get; } = number;

    /// <returns>what the call returned, when it is not -1</returns>
    /// <exception cref="SystemCallException">It is.</exception>
    internal static nint Check(nint result, string call) =>
        result == -1 ? throw new SystemCallException(call, Marshal.GetLastPInvokeError()) : result;
}
