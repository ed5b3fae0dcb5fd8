using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Migration;

/// <summary>
/// How an inventory begins after another was lost or replaced: it chooses a term higher than any that a host knows, and asks every host
/// what it owns. It answers nothing before all have answered. A host takes the grants of the latest term that it has heard, so of two
/// inventories that begin at the same time one is refused by a host, and chooses a later term. Hosts are asked one after the other in one
/// order: so one of the two is the first at each host, and both come to their end. A host that was given up may run a guest that an earlier
/// inventory has granted to it, until its lease is over (<c>HostLease</c>). An inventory that knows of a guest waits for so long.
/// </summary>
public static class InventoryBeginning
{
    /// <summary>So often another may be faster.</summary>
    private const int Attempts = 20;

    private const long DelayMax = 1_000_000;

    /// <param name="world">the inventory's</param>
    /// <param name="hosts">the living ones, always in the same order; a dead host's VMs have no owner; null when nothing knows them
    /// now</param>
    /// <param name="leaseMicroseconds">how long a host may run guests after it was last known to live; 0 where none is given up that
    /// lives</param>
    /// <param name="mutant">the defect to have, or null</param>
    /// <returns>the register; null when a host did not answer, which may be dying, or others were faster too often: begin
    /// again</returns>
    public static async ValueTask<VmInventory?> MakeAsync(
        IWorld world, Func<ValueTask<IReadOnlyList<IOwnershipReporter>?>> hosts, long leaseMicroseconds = 0,
        Mutant? mutant = null)
    {
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            if (await hosts() is not { } living) return null;

            // Whoever is not among them was given up before.
            var since = world.NowMicroseconds;
            if (await LatestTermAsync(living) is not { } latest) return null;
            var register = new VmInventory(world, latest + 1, mutant);
            var heard = await HearAsync(register, living);
            if (heard == OwnershipStatus.Granted)
            {
                if (register.IsRestored && mutant != Mutant.InventoryDoesNotWait) await WaitAsync(world, since + leaseMicroseconds);
                return register;
            }

            if (heard == OwnershipStatus.Lost) return null;
        }

        return null;
    }

    private static async ValueTask WaitAsync(IWorld world, long until)
    {
        while (until - world.NowMicroseconds is var left and > 0) await world.DelayAsync(Math.Min(left, DelayMax));
    }

    /// <returns>null when a host does not answer</returns>
    private static async ValueTask<long?> LatestTermAsync(IReadOnlyList<IOwnershipReporter> hosts)
    {
        var latest = VmInventory.FirstTerm;
        foreach (var host in hosts)
        {
            if (await host.TermAsync() is not { } term) return null;
            latest = Math.Max(latest, term);
        }

        return latest;
    }

    /// <returns>granted when all have answered; refused when another inventory was faster with one of them; lost when one did not
    /// answer</returns>
    private static async ValueTask<OwnershipStatus> HearAsync(VmInventory register, IReadOnlyList<IOwnershipReporter> hosts)
    {
        foreach (var host in hosts)
        {
            var report = await host.ReportAsync(register.Term);
            if (report.Status != OwnershipStatus.Granted) return report.Status;
            foreach (var (vm, epoch) in report.Owned) register.Restore(vm, host.Host, epoch);
        }

        return OwnershipStatus.Granted;
    }
}

/// <summary>The port of an inventory that begins to a host's <see cref="HostOwnership"/>.</summary>
public interface IOwnershipReporter
{
    string Host { get; }

    /// <inheritdoc cref="HostOwnership.Term"/>
    /// <returns>null when the host does not answer</returns>
    ValueTask<long?> TermAsync();

    /// <inheritdoc cref="HostOwnership.Report"/>
    ValueTask<OwnershipReport> ReportAsync(long term);
}

/// <summary>A host's answer to an inventory that begins.</summary>
/// <param name="Status">refused when an inventory of this term or a later one has asked already; lost when the host did not answer</param>
/// <param name="Owned">VMs that the host owns, each with its epoch; nothing unless granted</param>
public readonly record struct OwnershipReport(OwnershipStatus Status, IReadOnlyList<KeyValuePair<string, long>> Owned)
{
    /// <param name="owned">what <see cref="HostOwnership.Report"/> says; null for too late</param>
    public static OwnershipReport From(IReadOnlyList<KeyValuePair<string, long>>? owned) =>
        owned is null ? new OwnershipReport(OwnershipStatus.Refused, []) : new OwnershipReport(OwnershipStatus.Granted, owned);
}
