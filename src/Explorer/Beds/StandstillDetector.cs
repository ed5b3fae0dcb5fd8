using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Beds;

/// <summary>
/// Why a schedule did not end, said by the detector that the cluster has (<see cref="HangDetector"/>). There nothing is believed that was
/// not seen twice, because actors are asked one after the other; here the world stands still, so the same picture is shown twice.
/// </summary>
internal sealed class StandstillDetector(Bed bed)
{
    /// <summary>When others still moved, a wait counts as starvation only if it lasted for most of the schedule.</summary>
    private const double StarvationShare = 0.8;

    public IReadOnlyList<Hang> Hangs(ScheduleResult result)
    {
        var waits = bed.Waits();
        var live = new HashSet<OperationId>();
        foreach (var observed in waits)
        {
            live.Add(observed.Wait.Waiter);
            foreach (var blocker in observed.Wait.Blockers)
                if (!bed.HasEnded(blocker.Operation)) live.Add(blocker.Operation);
        }

        var starvation = result.Outcome == ScheduleOutcome.Stuck ? 0 : (long)(result.Microseconds * StarvationShare);
        var detector = new HangDetector(starvation);
        var progress = new Dictionary<string, long>();
        detector.Observe(new HangObservation(result.Microseconds, waits, live, progress));
        return detector.Observe(new HangObservation(result.Microseconds + 1, waits, live, progress));
    }
}
