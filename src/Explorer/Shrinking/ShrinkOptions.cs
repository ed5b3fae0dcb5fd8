namespace Livebed.Explorer.Shrinking;

/// <summary>How much a shrinker may try.</summary>
public sealed record ShrinkOptions
{
    /// <summary>Schedules that are played in all; beyond it the smallest so far is the result, and says so.</summary>
    public long PlaysMax { get; init; } = 100_000;

    /// <summary>Schedules of a smaller plan that are tried when the written one, as far as it can be followed, breaks nothing there.</summary>
    public int SchedulesPerCandidate { get; init; } = 300;

    /// <summary>Asked before every play: true ends it, as <see cref="PlaysMax"/> does.</summary>
    public Func<bool>? IsOver { get; init; }

    /// <summary>Told of every smaller replay, with the number of plays so far.</summary>
    public Action<ReplaySize, long>? Progress { get; init; }
}
