namespace Livebed.Driver.Runs;

/// <summary>The kinds of a history record, as Jepsen has them.</summary>
public enum HistoryType
{
    /// <summary>The operation began.</summary>
    Invoke,

    /// <summary>It ended and took effect.</summary>
    Ok,

    /// <summary>It ended and had no effect.</summary>
    Fail,

    /// <summary>Nobody knows whether it took effect (a time-out).</summary>
    Info,
}
