namespace Livebed.Driver.Results;

/// <summary>How an operation hangs.</summary>
public enum HangKind
{
    /// <summary>Operations wait for each other in a cycle.</summary>
    Deadlock,

    /// <summary>A wait for an operation that has ended without giving the lock back.</summary>
    OrphanedHold,

    /// <summary>A wait beyond the campaign's bound while others go on.</summary>
    Starvation,
}
