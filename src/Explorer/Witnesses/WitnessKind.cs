namespace Livebed.Explorer.Witnesses;

/// <summary>What an entry of a witness tells.</summary>
public enum WitnessKind
{
    /// <summary>A lane goes on; most steps show nothing else.</summary>
    Step,

    /// <summary>An actor begins an operation of its plan.</summary>
    Operation,

    /// <summary>What was done to page tables, memslots, logs, TLBs.</summary>
    Note,

    /// <summary>A lock was taken without waiting.</summary>
    Takes,

    /// <summary>A lock is asked for that somebody has.</summary>
    Waits,

    /// <summary>A lock that was waited for, handed over by who released it.</summary>
    Gets,

    /// <summary>A lock was given back.</summary>
    Drops,

    /// <summary>An invariant is violated.</summary>
    Violation,
}
