using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// M2: it gets every start and stop of a migrating guest, in their order over all hosts, and batches of the guest's accesses. It finds a
/// guest that runs in two places or continues under an older epoch, also if the side where it runs does not say so.
/// </summary>
public sealed class OneOwnerCheck(IWorld? world = null)
{
    private readonly TrackedMap<string, (string Host, long Epoch, bool Runs, long First)> _guests = new(world, StringComparer.Ordinal);

    /// <returns>what this step violates; null when nothing</returns>
    public Violation? Note(string vm, string host, long epoch, bool runs)
    {
        var known = _guests.TryGetValue(vm, out var last);
        if (!runs)
        {
            // A host that stops what another has started says nothing of the other.
            if (known && last.Host == host) _guests[vm] = (host, epoch, false, last.First);
            return null;
        }

        _guests[vm] = (host, epoch, true, known ? last.First : epoch);
        if (!known) return null;
        if (last.Runs && last.Host != host)
            return Of(vm, $"{vm} begins to run at {host} under epoch {epoch} while it runs at {last.Host} under epoch {last.Epoch}");
        if (epoch < last.Epoch || (epoch == last.Epoch && last.Host != host))
            return Of(vm, $"{vm} begins to run at {host} under epoch {epoch}; it ran at {last.Host} under epoch {last.Epoch} before");
        return null;
    }

    /// <summary>A guest accesses memory of that host, by a batch that carries the epoch. Vcpus that were never told one are of the first,
    /// which the VM got when it began to migrate.</summary>
    /// <returns>what this violates; null when nothing</returns>
    public Violation? Accessed(string vm, string host, long epoch)
    {
        if (!_guests.TryGetValue(vm, out var last) || !last.Runs || epoch >= last.Epoch) return null;
        if (last.Host == host && epoch == 0 && last.Epoch == last.First) return null;
        return Of(
            vm,
            last.Host == host
                ? $"{vm} accesses its memory at {host} under epoch {epoch}; it runs there under epoch {last.Epoch}"
                : $"{vm} accesses its memory at {host} under epoch {epoch}, and no side says so; it runs at {last.Host} under epoch "
                    + $"{last.Epoch}");
    }

    /// <summary>The host's machine is dead: what ran there does not run any more, and nothing else can be said of it.</summary>
    public void Died(string host)
    {
        foreach (var (vm, guest) in _guests.ToArray())
            if (guest.Host == host && guest.Runs) _guests[vm] = guest with { Runs = false };
    }

    private static Violation Of(string vm, string message) => new(Invariants.OneOwner, message, vm);
}
