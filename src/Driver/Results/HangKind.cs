namespace Livebed.Driver.Results;

/// <summary>How an operation hangs.</summary>
public enum HangKind
{
    /// <summary>Operations wait for each other in a cycle.</summary>
    Deadlock,

    /// <summary>Something retries without progress.</summary>
    Livelock,

    /// <summary>A wait beyond the campaign's bound while others go on.</summary>
    Starvation,
}
