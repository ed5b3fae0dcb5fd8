using Livebed.Driver.Results;
using Livebed.Driver.Runs;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// M2 and M4 over the whole cluster: starts and stops of migrating guests come with the reports of many actors. <see cref="OneOwnerCheck"/>
/// and <see cref="RunsSomewhereCheck"/> need them in the order of time, so they are held until no actor can send an earlier one. The silos
/// of a run share a machine and so a clock. For M2 come the guests' accesses too: of each vCPU the newest batch of each report. Safe from
/// any thread.
/// </summary>
internal sealed class OwnerWatch
{
    /// <summary>A migration's figures and a guest's starts and stops are taken one after the other, from the machine's monotonic clock in
    /// whole microseconds. So a noted stop is never longer than the migration says. The tolerance covers the rounding, and differences
    /// between the clocks of two processors.</summary>
    private const long ToleranceMicroseconds = 1_000;

    private readonly Lock _gate = new();
    private readonly OneOwnerCheck _owners = new();
    private readonly RunsSomewhereCheck _standing = new(toleranceMicroseconds: ToleranceMicroseconds);
    private readonly PriorityQueue<object, (long Time, long Epoch, bool Runs)> _waiting = new();

    /// <summary>By the grain of a VM that migrates: what the inventory calls it, and where it is.</summary>
    private readonly Dictionary<string, (string Vm, string Host)> _places = new(StringComparer.Ordinal);

    private long _judgedBefore = long.MinValue;
    private bool _isSettled;

    /// <summary>Gets what is taken, with its time, for whoever judges it again; null where nobody does.</summary>
    public Action<long, HistoryFact>? Note { get; init; }

    /// <summary>How far owners were judged.</summary>
    public OwnersJudged Judged
    {
        get
        {
            lock (_gate) return new OwnersJudged(_judgedBefore, _isSettled);
        }
    }

    /// <summary>Takes what an earlier watch has noted.</summary>
    public void Take(HistoryFact fact)
    {
        if (fact.Runs is { } runs)
        {
            var entry = new GuestRunsEntry(runs.Vm, runs.Host, runs.Epoch, runs.Runs, runs.At);
            Take(new ActorReport { Actor = runs.Actor, Silo = "", GuestRuns = [entry] });
        }

        if (fact.Accessed is { } accessed)
            Take(new ActorReport
            {
                Actor = accessed.Actor,
                Silo = "",
                GuestAccesses = new GuestAccessesEntry(accessed.Epoch, accessed.At),
            });
        if (fact.Over is { } over) Ended(over.Vm, over.Destination, over.ToInfo(), over.At);
        if (fact.Died is { } died) Died(died.Host, died.Heard, died.At);
        if (fact.Lost is { } lost) Lost(lost.Vm, lost.At);
    }

    /// <summary>Takes what is new in a report; reports come in any order.</summary>
    public void Take(ActorReport report)
    {
        lock (_gate)
        {
            // Of what happens in one microsecond the older epoch comes first, and its end before the beginning of the next.
            foreach (var entry in report.GuestRuns)
            {
                _places[report.Actor] = (entry.Vm, entry.Host);
                Note?.Invoke(entry.MonotonicMicroseconds, new HistoryFact
                {
                    Runs = new GuestRunsFact(
                        report.Actor, entry.Vm, entry.Host, entry.Epoch, entry.Runs, entry.MonotonicMicroseconds),
                });
                _waiting.Enqueue(entry, (entry.MonotonicMicroseconds, entry.Epoch, entry.Runs));
            }

            // One that comes late is judged by nothing that came after it.
            if (report.GuestAccesses is not { } accesses || accesses.MonotonicMicroseconds < _judgedBefore) return;

            // Of a guest that never migrates there is nothing to judge.
            if (accesses.Epoch > 0 || _places.ContainsKey(ActorKeys.VmOf(report.Actor)))
                Note?.Invoke(accesses.MonotonicMicroseconds, new HistoryFact
                {
                    Accessed = new GuestAccessedFact(report.Actor, accesses.Epoch, accesses.MonotonicMicroseconds),
                });
            _waiting.Enqueue(
                new Accessed(ActorKeys.VmOf(report.Actor), accesses.Epoch), (accesses.MonotonicMicroseconds, accesses.Epoch, false));
        }
    }

    /// <summary>A migration of a VM is over; what its two sides noted before they said so is older.</summary>
    /// <param name="vm">as the inventory calls it</param>
    /// <param name="destination">the host where it was to go</param>
    /// <param name="info">its last figures</param>
    /// <param name="monotonicMicroseconds">when the driver heard of it</param>
    public void Ended(string vm, string destination, MigrationInfo info, long monotonicMicroseconds)
    {
        lock (_gate) _waiting.Enqueue(new Over(vm, destination, info, monotonicMicroseconds), (monotonicMicroseconds, long.MaxValue, true));
        Note?.Invoke(
            monotonicMicroseconds, new HistoryFact { Over = MigrationOverFact.Of(vm, destination, info, monotonicMicroseconds) });
    }

    /// <summary>A host's machine died, and all that was on it. What its guests did since it was last heard of is not known: from then on
    /// they count as gone, and so do those that had just come there.</summary>
    /// <param name="host">which</param>
    /// <param name="heardMicroseconds">when it was last heard of, by the monotonic clock</param>
    /// <param name="diedMicroseconds">when it died</param>
    public void Died(string host, long heardMicroseconds, long diedMicroseconds)
    {
        lock (_gate)
        {
            _waiting.Enqueue(new Death(host), (heardMicroseconds, long.MinValue, false));
            _waiting.Enqueue(new Rebirth(host), (Math.Max(heardMicroseconds, diedMicroseconds), long.MaxValue, true));
        }

        Note?.Invoke(diedMicroseconds, new HistoryFact { Died = new HostDiedFact(host, heardMicroseconds, diedMicroseconds) });
    }

    /// <summary>A guest was lost in its migration, with one of the hosts.</summary>
    public void Lost(string vm, long monotonicMicroseconds)
    {
        lock (_gate) _waiting.Enqueue(new Loss(vm), (monotonicMicroseconds, long.MaxValue, true));
        Note?.Invoke(monotonicMicroseconds, new HistoryFact { Lost = new GuestLostFact(vm, monotonicMicroseconds) });
    }

    /// <summary>Judges what happened before a time, of which nothing earlier is to come.</summary>
    public IReadOnlyList<Violation> Judge(long beforeMicroseconds)
    {
        var violations = new List<Violation>();
        lock (_gate)
        {
            _judgedBefore = Math.Max(_judgedBefore, beforeMicroseconds);
            while (_waiting.TryPeek(out var next, out var order) && order.Time < beforeMicroseconds)
            {
                _waiting.Dequeue();
                violations.AddRange(Judge(next).OfType<Violation>());
            }
        }

        return violations;
    }

    /// <summary>Judges the rest after the last reports: every migration is over, and no guest may be left stopped.</summary>
    public IReadOnlyList<Violation> Settled()
    {
        var violations = Judge(long.MaxValue);
        lock (_gate)
        {
            _isSettled = true;
            return [.. violations, .. _standing.Settled()];
        }
    }

    private IEnumerable<Violation?> Judge(object next)
    {
        if (next is Over over)
        {
            yield return _standing.Ended(over.Vm, over.Destination, over.Info, over.MonotonicMicroseconds, allIsNoted: false);
            yield break;
        }

        if (next is Death death)
        {
            _owners.Died(death.Host);
            _standing.Died(death.Host);
            yield break;
        }

        if (next is Rebirth rebirth)
        {
            // What comes to the host that takes its place is judged as before.
            _standing.Restarted(rebirth.Host);
            yield break;
        }

        if (next is Loss loss)
        {
            _standing.Lost(loss.Vm);
            yield break;
        }

        if (next is Accessed accessed)
        {
            if (_places.TryGetValue(accessed.VmKey, out var place))
                yield return _owners.Accessed(place.Vm, place.Host, accessed.Epoch);
            yield break;
        }

        var entry = (GuestRunsEntry)next;
        yield return _owners.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs);
        yield return _standing.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs, entry.MonotonicMicroseconds);
    }

    /// <param name="VmKey">of the vCPU's VM; one that never migrates has no place</param>
    /// <param name="Epoch">of the batch</param>
    private sealed record Accessed(string VmKey, long Epoch);

    private sealed record Death(string Host);

    private sealed record Rebirth(string Host);

    private sealed record Loss(string Vm);

    private sealed record Over(string Vm, string Destination, MigrationInfo Info, long MonotonicMicroseconds);
}
