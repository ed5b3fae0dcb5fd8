using System.Collections.Immutable;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// M4, the other half of <see cref="OneOwnerCheck"/>: it gets every start and stop of a migrating guest, in their order over all hosts, and
/// the end of every migration. It finds a guest that its migration has left stopped, or that was stopped for longer than the migration
/// reports. A guest that was reported lost, or that died with its machine, is excused.
/// </summary>
/// <param name="world">the world that records footprints; null for none</param>
/// <param name="toleranceMicroseconds">how much later than they happen starts and stops may be noted</param>
public sealed class RunsSomewhereCheck(IWorld? world = null, long toleranceMicroseconds = 0)
{
    private readonly TrackedMap<string, Guest> _guests = new(world, StringComparer.Ordinal);
    private Tracked<ImmutableHashSet<string>> _dead = new(world, []);

    /// <summary>The guest begins to run on a host, under an epoch, or has stopped there.</summary>
    /// <returns>the violation, or null</returns>
    public Violation? Note(string vm, string host, long epoch, bool runs, long nowMicroseconds)
    {
        var known = _guests.TryGetValue(vm, out var guest);
        if (!runs)
        {
            // A host that stops what another has started says nothing of the other.
            if (known && guest.Runs && guest.Host == host) _guests[vm] = guest with { Runs = false, Since = nowMicroseconds };
            return null;
        }

        if (!known)
        {
            _guests[vm] = new Guest(host, epoch, true, nowMicroseconds);
            return null;
        }

        var stood = guest.Runs ? 0 : nowMicroseconds - guest.Since;

        // A stop that ends with another epoch is a hand-over's, and those before it are of earlier migrations.
        var before = epoch == guest.Epoch ? guest.Stood : 0;
        _guests[vm] = new Guest(host, epoch, true, nowMicroseconds)
        {
            Ended = guest.Ended,
            Stood = nowMicroseconds <= guest.Ended ? 0 : Math.Max(before, stood),
        };
        if (guest.Doubt is not { } doubt) return null;
        return nowMicroseconds <= guest.Ended ? TooLong(vm, stood, doubt) : StillStands(vm, guest.Host, doubt);
    }

    /// <summary>A migration is over, as its source has it.</summary>
    /// <param name="vm">the VM that migrated</param>
    /// <param name="destination">host</param>
    /// <param name="info">its last figures</param>
    /// <param name="nowMicroseconds">the time</param>
    /// <param name="allIsNoted">every start and stop until now has been noted; otherwise an earlier start may still come, and a stopped
    /// guest is judged at its next event</param>
    /// <returns>the violation, or null</returns>
    public Violation? Ended(string vm, string destination, MigrationInfo info, long nowMicroseconds, bool allIsNoted)
    {
        if (!_guests.TryGetValue(vm, out var guest)) return null;
        if (info.IsGuestLost || (info.Status == MigrationStatus.Completed && _dead.Value.Contains(destination)))
        {
            _guests.Remove(vm);
            return null;
        }

        if (IsPast(info, guest)) return null;
        _guests[vm] = guest with { Stood = 0, Ended = nowMicroseconds };

        // Without the destination's answer the source knows the owner at most, but not since when the guest runs there. A guest that is
        // left stopped is found at the end.
        if (!info.IsTakeOverAnswered && (info.IsHandedOver || guest.Host == destination)) return null;
        var outcome = new Outcome(
            destination, info.DowntimeMicroseconds + info.CheckMicroseconds, $"{info.Status} {info.Reason}".TrimEnd());
        if (guest.Runs) return TooLong(vm, guest.Stood, outcome);
        if (allIsNoted) return StillStands(vm, guest.Host, outcome);
        _guests[vm] = guest with { Stood = 0, Ended = nowMicroseconds, Doubt = outcome };
        return null;
    }

    /// <summary>The guest was reported lost, and goes.</summary>
    public void Lost(string vm) => _guests.Remove(vm);

    /// <summary>The host's machine is dead, and what was on it has gone with it.</summary>
    public void Died(string host)
    {
        _dead.Value = _dead.Value.Add(host);
        foreach (var (vm, guest) in _guests.ToArray())
            if (guest.Host == host) _guests.Remove(vm);
    }

    /// <summary>Another machine has the dead one's name; what comes to it from now on does not go with the dead one.</summary>
    public void Restarted(string host) => _dead.Value = _dead.Value.Remove(host);

    /// <summary>No migration is under way and no start is still to come, so no guest may be stopped any more.</summary>
    public IReadOnlyList<Violation> Settled()
    {
        SortedDictionary<string, string>? stopped = null;
        foreach (var (vm, guest) in _guests)
            if (!guest.Runs) (stopped ??= new SortedDictionary<string, string>(StringComparer.Ordinal))[vm] = guest.Host;
        return stopped is null ? [] : [.. stopped.Select(at => Of(at.Key, $"{at.Key} stands still at {at.Value} when all is over"))];
    }

    /// <summary>The destination has let the guest go again, or a next migration has stopped it, before this one's source said that it is
    /// over. What the guest does now is that migration's.</summary>
    private static bool IsPast(MigrationInfo info, in Guest guest)
    {
        if (!info.IsHandedOver || info.Epoch == 0) return false;
        var (reached, now) = (VmEpoch.HandOvers(info.Epoch), VmEpoch.HandOvers(guest.Epoch));
        return now > reached || (now == reached && !guest.Runs);
    }

    private Violation? TooLong(string vm, long stood, Outcome outcome) => stood <= outcome.SaidMicroseconds + toleranceMicroseconds
        ? null
        : Of(vm, $"{vm} stood still for {stood} us in its migration to {outcome.Destination}, which says {outcome.SaidMicroseconds} us");

    private static Violation StillStands(string vm, string host, Outcome outcome) =>
        Of(vm, $"{vm} stands still at {host} though its migration to {outcome.Destination} is over: {outcome.Text}");

    private static Violation Of(string vm, string message) => new(Invariants.RunsSomewhere, message, vm);

    /// <param name="Host">where it ran last</param>
    /// <param name="Epoch">under which</param>
    /// <param name="Runs">and still does</param>
    /// <param name="Since">when it began to run, or stopped</param>
    private readonly record struct Guest(string Host, long Epoch, bool Runs, long Since)
    {
        /// <summary>How long it stood still, at the longest, since its last migration was over.</summary>
        public long Stood { get; init; }

        /// <summary>When that was over; 0 for never.</summary>
        public long Ended { get; init; }

        /// <summary>How that ended, of a guest that seems to stand still since.</summary>
        public Outcome? Doubt { get; init; }
    }

    /// <param name="Destination">of the migration</param>
    /// <param name="SaidMicroseconds">for how long it stopped the guest, as it says</param>
    /// <param name="Text">how it ended</param>
    private sealed record Outcome(string Destination, long SaidMicroseconds, string Text);
}
