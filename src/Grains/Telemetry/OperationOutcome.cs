namespace Livebed.Grains.Telemetry;

/// <summary>How an operation ended, in the words of histories.</summary>
public enum OperationOutcome : byte
{
    /// <summary>It took effect.</summary>
    Ok,

    /// <summary>It certainly did not take effect.</summary>
    Fail,

    /// <summary>Unknown: it timed out or lost contact, and may still take effect.</summary>
    Info,
}
