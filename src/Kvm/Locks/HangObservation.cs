using Livebed.Kvm.World;

namespace Livebed.Kvm.Locks;

/// <summary>
/// The state of all actors at about one time. The parts need not be from the same instant: the detector uses only what it sees in two
/// observations. Each observation must be complete before the next one begins.
/// </summary>
/// <param name="TimeMicroseconds">when it was complete</param>
/// <param name="Waits">all waits at all actors</param>
/// <param name="Live">operations that have begun and not ended, as recorded where they began</param>
/// <param name="Progress">per actor a counter that rises while it gets work done</param>
public sealed record HangObservation(
    long TimeMicroseconds, IReadOnlyList<ObservedWait> Waits, IReadOnlySet<OperationId> Live, IReadOnlyDictionary<string, long> Progress)
{
    /// <summary>How long all that a wait may depend on has run until then. Null where nothing ever stands still, as in the explorer: then
    /// all time counts.</summary>
    public long? RanMicroseconds { get; init; }
}

/// <summary>A wait and the actor (VM, host) where it was seen.</summary>
public sealed record ObservedWait(string Actor, WaitSnapshot Wait)
{
    /// <summary>Identity of the wait over time. The waiter is part of it because a new activation of an actor counts its waits from 1
    /// again.</summary>
    internal (string Actor, long WaitId, OperationId Waiter) Key => (Actor, Wait.WaitId, Wait.Waiter);
}

/// <summary>Two consecutive observations and what they agree on: the only thing that <see cref="HangDetector"/> believes.</summary>
[Untracked("looks on; no operation acts upon it")]
internal sealed class ObservedStep
{
    private readonly HangObservation _before;
    private readonly HangObservation _now;
    private readonly Dictionary<(string Actor, long WaitId, OperationId Waiter), ObservedWait> _waitsBefore = [];
    private readonly Dictionary<(string Actor, long WaitId, OperationId Waiter), ObservedWait> _waitsNow = [];
    private readonly HashSet<OperationId> _waiters = [];

    public ObservedStep(HangObservation before, HangObservation now)
    {
        (_before, _now) = (before, now);
        foreach (var observed in before.Waits) _waitsBefore[observed.Key] = observed;
        foreach (var observed in now.Waits) _waitsNow[observed.Key] = observed;
        _waiters.UnionWith(before.Waits.Concat(now.Waits).Select(observed => observed.Wait.Waiter));
        foreach (var (key, observed) in _waitsNow)
        {
            if (!_waitsBefore.TryGetValue(key, out var earlier)) continue;
            var blockers = earlier.Wait.Blockers.Select(blocker => blocker.Operation).ToHashSet();
            var stayed = observed.Wait.Blockers.Where(blocker => blockers.Contains(blocker.Operation)).ToList();
            Persistent.Add(observed with { Wait = observed.Wait with { Blockers = stayed } });
        }

        Graph = new WaitForGraph(Persistent);
    }

    /// <summary>Waits that are in both, with the blockers that are in both.</summary>
    public List<ObservedWait> Persistent { get; } = [];

    public WaitForGraph Graph { get; }

    public ObservedWait PreviousOf(ObservedWait observed) => _waitsBefore[observed.Key];

    public ObservedWait CurrentOf(ObservedWait observed) => _waitsNow[observed.Key];

    /// <summary>A waiting operation is alive, whatever the record says.</summary>
    public bool IsDeadHolder(WaitBlocker blocker) =>
        !blocker.Queued && !blocker.Operation.IsNone && !_before.Live.Contains(blocker.Operation) && !_now.Live.Contains(blocker.Operation)
        && !_waiters.Contains(blocker.Operation);

    public IEnumerable<string> ProgressOf(string actor)
    {
        if (!_before.Progress.TryGetValue(actor, out var before) || !_now.Progress.TryGetValue(actor, out var now)) yield break;
        var passed = HangWitness.Duration(_now.TimeMicroseconds - _before.TimeMicroseconds);
        yield return now == before ? $"{actor} itself did nothing for {passed}" : $"{actor} itself did {now - before} steps in {passed}";
    }
}
