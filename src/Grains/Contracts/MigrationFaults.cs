namespace Livebed.Grains.Contracts;

/// <summary>
/// What the network between two hosts does to one migration, as the driver has drawn it. A link that breaks can be mended at once, by
/// whoever recovers the migration; an answer that is lost was given. Simplified: who waits for a lost answer hears at once that it will not
/// come, where a network would let it wait for its time-out.
/// </summary>
public sealed record MigrationFaults
{
    public static MigrationFaults None { get; } = new();

    /// <summary>For each time that the link breaks, how many chunks of post-copy it carries before, counted from the last break.</summary>
    public IReadOnlyList<int> LinkBreaks { get; init; } = [];

    /// <summary>Under which operation each of them stands in the history: identities that the source's VM gives, since an operation is
    /// there once, and one whose pages are lost may lose more.</summary>
    public IReadOnlyList<long> BreakOperations { get; init; } = [];

    /// <summary>The destination's answers to the hand-over do not reach the source, however often it asks.</summary>
    public bool LosesAnswer { get; init; }

    /// <summary>A chunk is late by a time drawn evenly from so much; 0 for never.</summary>
    public long JitterMicroseconds { get; init; }

    /// <summary>Of the draws that are made on the way.</summary>
    public ulong Seed { get; init; }

    /// <summary>Something happens to pages on their way.</summary>
    public bool AreOfLink => LinkBreaks.Count > 0 || JitterMicroseconds > 0;
}
