using Livebed.Explorer.Scenarios;
using Livebed.Kvm.Locks;

namespace Livebed.Explorer.Witnesses;

/// <summary>Where one lane stands when a schedule has been stopped.</summary>
/// <param name="Lane">its name</param>
/// <param name="Stands">in words: "ready at FaultStep", "waits", "done"</param>
/// <param name="Holds">locks that it holds</param>
/// <param name="WaitsFor">what it waits for and behind which lanes; null when it does not wait, or waits for the end of another
/// lane</param>
public sealed record LaneState(string Lane, string Stands, IReadOnlyList<string> Holds, string? WaitsFor)
{
    /// <summary>Every lane of a schedule that was written down by <paramref name="log"/>.</summary>
    public static IReadOnlyList<LaneState> All(PlayResult played, EventLog log)
    {
        var world = played.Stage.Bed.World;
        var waits = played.Stage.Bed.Waits().ToLookup(wait => log.LaneOf(wait.Wait.Waiter));
        return [.. world.Lanes.Select(lane => new LaneState(
            lane.Name, Standing(lane.IsDone, world.StandsAt(lane)?.ToString()), log.HeldBy(lane.Name),
            waits[lane.Name].Select(wait => WordsFor(wait, log)).FirstOrDefault()))];
    }

    private static string Standing(bool isDone, string? point)
    {
        if (isDone) return "done";
        return point is null ? "waits" : $"ready at {point}";
    }

    private static string WordsFor(ObservedWait observed, EventLog log)
    {
        var behind = observed.Wait.Blockers.Select(blocker => log.LaneOf(blocker.Operation) ?? blocker.Operation.ToString())
            .Distinct().ToList();
        var mode = observed.Wait.Mode == LockMode.Read ? " (read)" : "";
        return $"{observed.Wait.LockClass}{mode} of {observed.Wait.Instance}, behind "
            + $"{(behind.Count == 0 ? "no lane" : string.Join(", ", behind))}";
    }
}
