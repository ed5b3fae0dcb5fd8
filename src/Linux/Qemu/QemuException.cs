namespace Livebed.Linux.Qemu;

/// <summary>QEMU does not do what it was asked to, or cannot be had: the message says what, in one line.</summary>
/// <param name="message">for people</param>
/// <param name="isUsage">whether the user can do something about it before the next try</param>
/// <param name="inner">what was behind it</param>
public sealed class QemuException(string message, bool isUsage = true, Exception? inner = null) : Exception(message, inner)
{
    public bool IsUsage { get; } = isUsage;
}
