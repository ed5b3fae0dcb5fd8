namespace Livebed.Grains.Contracts;

/// <summary>
/// Faults of the network between two hosts during one migration, as the driver has drawn them. A broken link works again at once when the
/// migration is recovered. A lost answer was given. Simplified: the caller learns at once that a lost answer does not come; on a network it
/// would wait for its time-out.
/// </summary>
public sealed record MigrationFaults
{
    public static MigrationFaults None { get; } = new();

    /// <summary>For each time that the link breaks, how many chunks of post-copy it carries before, counted from the last break.</summary>
    public IReadOnlyList<int> LinkBreaks { get; init; } = [];

    /// <summary>The operation id of each break in the history. The source's VM assigns the ids: an operation is in the history once, and
    /// one operation may lose pages several times.</summary>
    public IReadOnlyList<long> BreakOperations { get; init; } = [];

    /// <summary>So many of the destination's answers to the hand-over do not reach the source, the first ones.</summary>
    public int LostAnswers { get; init; }

    /// <summary>A chunk is late by a time drawn evenly from so much; 0 for never.</summary>
    public long JitterMicroseconds { get; init; }

    /// <summary>Of the draws that are made on the way.</summary>
    public ulong Seed { get; init; }

    /// <summary>Something happens to pages on their way.</summary>
    public bool AreOfLink => LinkBreaks.Count > 0 || JitterMicroseconds > 0;
}
