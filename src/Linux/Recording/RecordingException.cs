namespace Livebed.Linux.Recording;

/// <summary>A process that cannot be recorded: the message says why, and what is allowed. Nothing has been changed in it.</summary>
public sealed class RecordingException(string message, bool isPassing = false, Exception? inner = null) : Exception(message, inner)
{
    /// <summary>Whether the process was there and ended, so that nothing was asked wrongly.</summary>
    public bool IsPassing { get; } = isPassing;
}

/// <summary>This way to see writes cannot be had on this kernel or for this process; another one may.</summary>
internal sealed class BackendException(string message, Exception? inner = null) : Exception(message, inner);
