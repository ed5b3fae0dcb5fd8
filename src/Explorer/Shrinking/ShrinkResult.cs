using Livebed.Explorer.Replays;

namespace Livebed.Explorer.Shrinking;

/// <summary>What became of a replay that was to be shrunk.</summary>
public sealed record ShrinkResult
{
    /// <summary>The smallest that was found; it can be followed exactly. Null when there was nothing to keep, see <see cref="Refusal"/>.</summary>
    public Replay? Replay { get; init; }

    /// <summary>Why there is no replay: it cannot be followed, or breaks nothing.</summary>
    public string? Refusal { get; init; }

    /// <summary>What is still broken: an invariant, or the type of the exception that a lane threw.</summary>
    public string? Kept { get; init; }

    public required ReplaySize Before { get; init; }
    public required ReplaySize After { get; init; }

    /// <summary>Schedules that were played.</summary>
    public required long Plays { get; init; }

    /// <summary>The bound that was hit, so that more might be possible; null at a fixpoint.</summary>
    public string? Limit { get; init; }
}
