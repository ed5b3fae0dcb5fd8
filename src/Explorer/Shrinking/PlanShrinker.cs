using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;

namespace Livebed.Explorer.Shrinking;

/// <summary>
/// Leaves out actors, then operations: one, or two of the same actor, since what begins something and what ends it can only go together.
/// Without them the schedule means something else, so other schedules of the smaller plan are tried as well.
/// </summary>
internal sealed class PlanShrinker(Trials trials)
{
    public Replay Shrink(Replay replay)
    {
        foreach (var actor in trials.Plan.Actors)
            if (!replay.Without.Has(actor))
                replay = trials.FollowOrSearch(replay with { Without = WithoutActor(replay.Without, actor) }, replay) ?? replay;
        foreach (var actor in trials.Plan.Actors)
            if (!replay.Without.Has(actor)) replay = LeaveOutPairs(LeaveOutOperations(replay, actor), actor);
        return replay;
    }

    private Replay LeaveOutOperations(Replay replay, ActorPlan actor)
    {
        // From the end on: what comes later needs what came before, seldom the other way round.
        foreach (var operation in Left(replay, actor).Reverse())
            replay = trials.FollowOrSearch(Leaving(replay, actor, operation), replay) ?? replay;
        return replay;
    }

    private Replay LeaveOutPairs(Replay replay, ActorPlan actor)
    {
        var left = Left(replay, actor);
        for (var first = 0; first < left.Count; first++)
        {
            for (var second = first + 1; second < left.Count; second++)
            {
                if (trials.FollowOrSearch(Leaving(Leaving(replay, actor, left[first]), actor, left[second]), replay) is not { } smaller)
                    continue;
                replay = smaller;
                left = Left(replay, actor);
                second = first;
            }
        }

        return replay;
    }

    private static IReadOnlyList<int> Left(Replay replay, ActorPlan actor) =>
        replay.Without.Has(actor)
            ? []
            : [.. Enumerable.Range(0, actor.Operations.Count).Where(operation => !replay.Without.Has(actor, operation))];

    /// <summary>An actor without operations is left out itself.</summary>
    private static Replay Leaving(Replay replay, ActorPlan actor, int operation) => replay with
    {
        Without = Left(replay, actor).All(left => left == operation)
            ? WithoutActor(replay.Without, actor)
            : replay.Without.With(Exclusions.NameOf(actor, operation)),
    };

    /// <summary>Without the actor its operations need not be named.</summary>
    private static Exclusions WithoutActor(Exclusions omissions, ActorPlan actor)
    {
        var own = Enumerable.Range(0, actor.Operations.Count)
            .Select(operation => Exclusions.NameOf(actor, operation)).ToHashSet(StringComparer.Ordinal);
        return new Exclusions(new SortedSet<string>(omissions.Names.Where(name => !own.Contains(name)), StringComparer.Ordinal))
            .With(actor.Name);
    }
}
