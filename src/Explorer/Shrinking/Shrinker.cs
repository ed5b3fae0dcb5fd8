using Livebed.Explorer.Replays;

namespace Livebed.Explorer.Shrinking;

/// <summary>
/// Makes a replay as small as it gets: leaves out actors, then operations, then takes switches and steps out of the schedule, again and
/// again until nothing helps any more. The first invariant that it broke stays broken. Only what is smaller is taken, so it never grows and
/// comes to an end; plays are bounded, and hitting the bound is said.
/// </summary>
public sealed class Shrinker(ReplayPlayer player, ShrinkOptions options)
{
    /// <summary>Schedules of the smallest plan from which the schedule's shrinking restarts: what can be taken out depends on the first
    /// schedule.</summary>
    private const int FreshStarts = 8;

    public ShrinkResult Shrink(Replay replay)
    {
        var plan = player.PlanOf(replay);
        var size = ReplaySize.Of(plan, replay);
        var first = player.Play(replay, isLenient: false);
        if ((first.Divergence ?? NothingKept(first, replay)) is { } refusal)
            return new ShrinkResult { Refusal = refusal, Before = size, After = size, Plays = 1 };

        var kept = Trials.BrokenBy(first, replay.Violates)!;
        var trials = new Trials(player, options, plan, kept);
        var smallest = ToFixpoint(
            trials, first.ToReplay(replay) with { Violates = [.. first.Violates.OrderByDescending(invariant => invariant == kept)] });
        var again = player.Play(smallest, isLenient: false);
        if (again.Divergence is { } why || again.LogHash != smallest.LogHash)
            throw new InvalidOperationException(
                $"what was just played cannot be repeated ({again.Divergence}): the world is not deterministic");
        return new ShrinkResult
        {
            Replay = smallest,
            Kept = kept,
            Before = size,
            After = ReplaySize.Of(plan, smallest),
            Plays = trials.Plays + 2,
            Limit = trials.Limit,
        };
    }

    private static string? NothingKept(Replayed first, Replay replay)
    {
        if (Trials.BrokenBy(first, replay.Violates) is not null) return null;
        return replay.Violates.Count > 0 ? $"it does not break {string.Join(", ", replay.Violates)} any more" : "it breaks nothing";
    }

    private Replay ToFixpoint(Trials trials, Replay replay)
    {
        var plans = new PlanShrinker(trials);
        var schedules = new ScheduleShrinker(trials);
        while (trials.Limit is null)
        {
            var smaller = FreshStart(trials, schedules, schedules.Shrink(plans.Shrink(replay)));
            if (!trials.IsSmaller(smaller, replay)) break;
            replay = smaller;
            options.Progress?.Invoke(ReplaySize.Of(trials.Plan, replay), trials.Plays);
        }

        return replay;
    }

    private static Replay FreshStart(Trials trials, ScheduleShrinker schedules, Replay replay)
    {
        foreach (var other in trials.Others(replay).Take(FreshStarts))
        {
            var shrunk = schedules.Shrink(other);
            if (trials.IsSmaller(shrunk, replay)) replay = shrunk;
        }

        return replay;
    }
}

/// <summary>How much a shrinker may try.</summary>
public sealed record ShrinkOptions
{
    /// <summary>Schedules that are played in all; beyond it the smallest so far is the result, and says so.</summary>
    public long PlaysMax { get; init; } = 100_000;

    /// <summary>Schedules of a smaller plan that are tried when the written one, as far as it can be followed, breaks nothing
    /// there.</summary>
    public int SchedulesPerCandidate { get; init; } = 300;

    /// <summary>Asked before every play: true ends it, as <see cref="PlaysMax"/> does.</summary>
    public Func<bool>? IsOver { get; init; }

    /// <summary>Told of every smaller replay, with the number of plays so far.</summary>
    public Action<ReplaySize, long>? Progress { get; init; }
}

/// <summary>What became of a replay that was to be shrunk.</summary>
public sealed record ShrinkResult
{
    /// <summary>The smallest that was found; it can be followed exactly. Null when there was nothing to keep, see
    /// <see cref="Refusal"/>.</summary>
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
