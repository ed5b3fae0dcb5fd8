namespace Livebed.Kvm.Migration;

/// <summary>The answer of the other side, or that there was none.</summary>
public enum StreamStatus : byte
{
    Ok,

    /// <summary>It will not have it: another epoch, another phase, a migration that it does not know or has given up.</summary>
    Refused,

    /// <summary>A checksum did not match; nothing was stored.</summary>
    Corrupt,

    /// <summary>No memory at the destination, or none at the source to fault a page in that was to be sent.</summary>
    NoMemory,

    /// <summary>No answer: the link is broken or the other side is gone. What was asked may or may not have been done.</summary>
    Lost,
}
