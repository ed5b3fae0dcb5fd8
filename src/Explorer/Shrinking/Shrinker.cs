using Livebed.Explorer.Replays;

namespace Livebed.Explorer.Shrinking;

/// <summary>
/// Makes a replay as small as it gets: leaves out actors, then operations, then takes switches and steps out of the schedule, again and
/// again until nothing helps any more. The first invariant that it broke stays broken. Only what is smaller is taken, so it never grows and comes to
/// an end; plays are bounded, and hitting the bound is said.
/// </summary>
public sealed class Shrinker(ReplayPlayer player, ShrinkOptions options)
{
    /// <summary>Schedules of the smallest plan from which the schedule's shrinking starts anew: what can be taken out of one depends on it.</summary>
    private const int FreshStarts = 8;

    public ShrinkResult Shrink(Replay replay)
    {
        var plan = player.PlanOf(replay);
        var size = ReplaySize.Of(plan, replay);
        var first = player.Play(replay, isLenient: false);
        if ((first.Divergence ?? NothingKept(first, replay)) is { } refusal) return new ShrinkResult { Refusal = refusal, Before = size, After = size, Plays = 1 };

        var kept = Trials.BrokenBy(first, replay.Violates)!;
        var trials = new Trials(player, options, plan, kept);
        var smallest = ToFixpoint(trials, first.ToReplay(replay) with { Violates = [.. first.Violates.OrderByDescending(invariant => invariant == kept)] });
        var again = player.Play(smallest, isLenient: false);
        if (again.Divergence is { } why || again.LogHash != smallest.LogHash)
            throw new InvalidOperationException($"what was just played cannot be repeated ({again.Divergence}): the world is not deterministic");
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
