using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// Tells waits that end by themselves from those that do not, from observations of all actors over time. It uses only what is in two
/// consecutive observations. A wait of the same identity, with the same blocker, in both lasted the whole time between them. So what both
/// say was true at one instant, although the actors were asked one after the other. Each hang is reported once; waits that only stand
/// behind a reported one, or behind an older cause, are not hangs of their own.
/// <para>
/// Only starvation depends on time, and there only the time counts in which the bed ran (<see cref="RunningClock"/>): a suspended machine
/// ends no wait, and a slow one only few.
/// </para>
/// </summary>
/// <param name="starvationMicroseconds">how long a wait may last that is part of no circle and waits for no orphaned hold</param>
/// <param name="recoveryMicroseconds">how much longer a wait for a page of post-copy may last: the link may be broken for so long before
/// the migration fails, and no page arrives until it is repaired</param>
[Untracked("looks on; no operation acts upon it")]
public sealed class HangDetector(long starvationMicroseconds = 5_000_000, long recoveryMicroseconds = 0)
{
    /// <summary>Less than this is no matter for a reader.</summary>
    private const long StandstillMicroseconds = 100_000;

    private readonly HashSet<(string Actor, long WaitId, OperationId Waiter)> _reported = [];

    // What the bed had run when each wait can have begun.
    private readonly Dictionary<(string Actor, long WaitId, OperationId Waiter), long> _ranBefore = [];
    private HashSet<Orphan> _orphans = [];
    private HangObservation? _previous;

    /// <summary>Takes the next observation and returns the hangs that it completes.</summary>
    /// <exception cref="ArgumentException">Time went backwards.</exception>
    public IReadOnlyList<Hang> Observe(HangObservation observation)
    {
        var previous = _previous;
        _previous = observation;
        NoteNewWaits(observation, previous?.RanMicroseconds ?? 0);
        if (previous is null) return [];
        if (observation.TimeMicroseconds < previous.TimeMicroseconds)
            throw new ArgumentException(
                $"an observation of {observation.TimeMicroseconds} us after one of {previous.TimeMicroseconds} us", nameof(observation));

        _reported.IntersectWith(observation.Waits.Select(observed => observed.Key));
        var step = new ObservedStep(previous, observation);
        var hangs = new List<Hang>();
        FindDeadlocks(step, hangs);
        FindOrphanedHolds(step, hangs);
        FindStarvation(step, hangs);
        return hangs;
    }

    private void FindDeadlocks(ObservedStep step, List<Hang> hangs)
    {
        foreach (var knot in step.Graph.Knots())
        {
            var waits = knot.SelectMany(step.Graph.WaitsOf).ToList();
            var known = waits.Exists(observed => _reported.Contains(observed.Key));
            // An operation that joined a known circle belongs to it.
            foreach (var observed in waits) _reported.Add(observed.Key);
            if (known) continue;
            var cycle = HangWitness.FromAHolder(step.Graph.ShortestCycle(knot));
            var behind = step.Graph.Behind(knot);
            behind.ExceptWith(cycle.Select(observed => observed.Wait.Waiter));
            hangs.Add(new Hang(
                HangKind.Deadlock, Invariants.Deadlock, DeadlockMessage(cycle), HangWitness.OfCycle(cycle, behind.Count),
                [.. cycle.Select(observed => observed.Wait.Waiter)], cycle.Min(observed => observed.Wait.WaitedMicroseconds))
            {
                Waits = cycle,
            });
        }
    }

    private void FindOrphanedHolds(ObservedStep step, List<Hang> hangs)
    {
        var orphans = new HashSet<Orphan>();
        foreach (var observed in step.Persistent.OrderByDescending(observed => observed.Wait.WaitedMicroseconds))
        {
            var dead = observed.Wait.Blockers.FirstOrDefault(step.IsDeadHolder);
            if (dead.Operation.IsNone) continue;
            var orphan = new Orphan(
                observed.Actor, observed.Wait.LockClass, observed.Wait.Instance, dead.Operation,
                observed.Wait.WaiterKind.Progress);
            var isNew = orphans.Add(orphan) && !_orphans.Contains(orphan);
            if (!_reported.Add(observed.Key) || !isNew) continue;
            var message = $"{HangWitness.Waiter(observed)} waits for {HangWitness.Lock(observed, observed.Wait.Mode)}, " +
                $"which {HangWitness.Name(dead.Operation, dead.Kind)} held when it ended and no operation will release";
            var behind = step.Graph.Behind([observed.Wait.Waiter]).Count;
            List<string> witness =
            [
                $"{HangWitness.Waits(observed)}, behind:",
                $"{HangWitness.Name(dead.Operation, dead.Kind)} holds {HangWitness.Lock(observed, dead.Mode)} and is no longer running",
            ];
            if (behind > 0) witness.Add($"{behind} more operations wait behind the first");
            hangs.Add(new Hang(
                HangKind.OrphanedHold, orphan.Invariant, message, witness, [observed.Wait.Waiter, dead.Operation],
                observed.Wait.WaitedMicroseconds)
            {
                Waits = [observed],
            });
        }

        _orphans = orphans;
    }

    private void FindStarvation(ObservedStep step, List<Hang> hangs)
    {
        var overdue = step.Persistent.Where(observed => CountedOf(observed) >= LimitOf(observed.Wait)).ToList();
        if (overdue.Count == 0) return;
        var causes = overdue.Concat(step.Persistent.Where(observed => _reported.Contains(observed.Key)))
            .Select(observed => observed.Wait.Waiter);
        var consequences = step.Graph.Behind(causes.Distinct());
        foreach (var observed in overdue)
        {
            if (consequences.Contains(observed.Wait.Waiter) || !_reported.Add(observed.Key)) continue;
            var before = step.PreviousOf(observed).Wait.Blockers;
            var now = step.CurrentOf(observed).Wait.Blockers;
            var changed = now.Select(blocker => blocker.Operation).Except(before.Select(blocker => blocker.Operation)).Any();
            var reason = changed ? "others keep coming before it"
                : now.Count == 0 ? "no operation holds it here, and what it waits for has not come from another host"
                : "those before it do not let go, and do not wait for it";
            var message = $"{HangWitness.Waiter(observed)} has waited {HangWitness.Duration(observed.Wait.WaitedMicroseconds)} " +
                $"for {HangWitness.Lock(observed, observed.Wait.Mode)}: {reason}";
            var (waited, counted) = (observed.Wait.WaitedMicroseconds, CountedOf(observed));
            List<string> witness =
            [
                $"{HangWitness.Waits(observed)}, behind {HangWitness.Names(now)}",
                $"at the observation before, behind {HangWitness.Names(before)}",
                .. StoodStill(waited, counted),
                .. step.ProgressOf(observed.Actor),
            ];
            hangs.Add(new Hang(
                HangKind.Starvation, observed.Wait.WaiterKind.Progress, message, witness,
                [observed.Wait.Waiter, .. now.Select(blocker => blocker.Operation).Distinct()], observed.Wait.WaitedMicroseconds)
            {
                Waits = [observed],
            });
        }
    }

    /// <summary>A wait that was not there before began when the bed had run at least as long as then.</summary>
    private void NoteNewWaits(HangObservation observation, long ranBefore)
    {
        if (observation.RanMicroseconds is not { } ran) return;
        var waits = observation.Waits.ToDictionary(observed => observed.Key);
        foreach (var ended in _ranBefore.Keys.Where(key => !waits.ContainsKey(key)).ToList()) _ranBefore.Remove(ended);
        foreach (var (key, observed) in waits) _ranBefore.TryAdd(key, Math.Max(ranBefore, ran - observed.Wait.WaitedMicroseconds));
    }

    /// <summary>The part of a wait in which what it depends on ran; all of it where nothing ever stands still.</summary>
    private long CountedOf(ObservedWait observed) =>
        _previous!.RanMicroseconds is { } ran && _ranBefore.TryGetValue(observed.Key, out var before)
            ? Math.Min(ran - before, observed.Wait.WaitedMicroseconds)
            : observed.Wait.WaitedMicroseconds;

    private static IEnumerable<string> StoodStill(long waited, long counted)
    {
        if (waited - counted < StandstillMicroseconds) yield break;
        yield return $"the bed stood still for {HangWitness.Duration(waited - counted)} of it";
    }

    private long LimitOf(WaitSnapshot wait) =>
        wait.LockClass == LockClasses.Userfaultfd.Name ? starvationMicroseconds + recoveryMicroseconds : starvationMicroseconds;

    private static string DeadlockMessage(List<ObservedWait> cycle)
    {
        var locks = string.Join(" and ", cycle.Select(observed => $"{observed.Wait.LockClass} of {observed.Wait.Instance}").Distinct());
        return cycle.Count == 1
            ? $"{HangWitness.Waiter(cycle[0])} waits for itself, over {locks}"
            : $"{string.Join(" and ", cycle.Select(HangWitness.Waiter))} wait for each other, over {locks}";
    }

    private readonly record struct Orphan(string Actor, string LockClass, string Instance, OperationId Holder, string Invariant);
}
