using Livebed.Explorer.Replays;
using Livebed.Explorer.Scenarios;

namespace Livebed.Explorer.Shrinking;

/// <summary>How much a person has to read. Sizes are compared in this order: an actor less is worth any number of switches.</summary>
/// <param name="Actors">actors that are not left out</param>
/// <param name="Operations">their operations that are not left out</param>
/// <param name="Switches">times that another lane goes on: runs of the schedule, less the first</param>
/// <param name="Steps">steps of all lanes</param>
public readonly record struct ReplaySize(int Actors, int Operations, int Switches, long Steps) : IComparable<ReplaySize>
{
    /// <summary>Runs of a lane in the schedule.</summary>
    public int Events => Switches + 1;

    internal static ReplaySize Of(ScenarioPlan plan, Replay replay)
    {
        var actors = plan.Actors.Where(actor => !replay.Without.Has(actor)).ToList();
        var operations = actors.Sum(
            actor => Enumerable.Range(0, actor.Operations.Count).Count(operation => !replay.Without.Has(actor, operation)));
        return new ReplaySize(
            actors.Count, operations, Math.Max(0, replay.Schedule.Count - 1), replay.Schedule.Sum(run => (long)run.Steps));
    }

    public int CompareTo(ReplaySize other) =>
        (Actors, Operations, Switches, Steps).CompareTo((other.Actors, other.Operations, other.Switches, other.Steps));

    public static bool operator <(ReplaySize left, ReplaySize right) => left.CompareTo(right) < 0;
    public static bool operator >(ReplaySize left, ReplaySize right) => left.CompareTo(right) > 0;
    public static bool operator <=(ReplaySize left, ReplaySize right) => left.CompareTo(right) <= 0;
    public static bool operator >=(ReplaySize left, ReplaySize right) => left.CompareTo(right) >= 0;
}
