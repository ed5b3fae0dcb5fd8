using Livebed.Driver.Campaigns;
using Livebed.Driver.Results;
using Livebed.Driver.Running.Operations;
using Livebed.Grains.Placement;
using Livebed.Kvm.World;

namespace Livebed.Driver.Running;

/// <summary>
/// A host whose silo is asked to end loses its VMs to other hosts, by live migration, and then goes. A VM that only has an actor on that
/// silo migrates too: its next incarnation is made on silos that stay. Migrations of VMs that cannot go yet are tried again until the
/// silo's own patience is over, and what is left then is lost with it.
/// </summary>
internal sealed class Evacuation(
    Campaign campaign, Fleet fleet, MigrationLoad migrations, LoadLedger load, ReportLedger reports, Supervisor supervisor,
    OperationIds ids,
    RunClock clock)
{
    private const int AtOnce = 4;

    /// <summary>Its own draws, so that those of the campaign do not depend on it.</summary>
    private const ulong Draws = 1UL << 33;

    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(100);

    private readonly List<string> _left = [];
    private readonly OpenLoop _loop = new(
        migrations, AtOnce, new SeededRandom((ulong)campaign.Seed!.Value).Fork(Draws), ids, load);

    /// <summary>Waits for what is under way, as a loop of the load does.</summary>
    public Task<int> DrainAsync(Task over) => _loop.DrainAsync(over);

    /// <summary>A word for each host that has left: what was measured after that was measured on fewer.</summary>
    public IReadOnlyList<LimitHit> LimitsHit()
    {
        lock (_left) return [.. _left.Select(one => new LimitHit("silosLeft", 1, one))];
    }

    /// <returns>true when nothing of the run is left on the silo</returns>
    public async Task<bool> RunAsync(string silo, CancellationToken over)
    {
        if (!ActorKeys.TryParse(silo, out var actor)) return false;
        var host = actor.Index;
        fleet.CloseHost(host);
        var random = new SeededRandom((ulong)campaign.Seed!.Value).Fork(Draws + 1 + (ulong)host);

        // What is made from now on is not on this silo.
        var before = fleet.Existing().ToDictionary(slot => slot.Index, slot => slot.Incarnation);

        // Of what was under way already, some may come here.
        var moving = fleet.Existing().Where(slot => slot.Migrates).Select(slot => (Slot: slot, Number: slot.Migrations)).ToList();
        bool HasToGo(VmSlot slot)
        {
            var old = before.GetValueOrDefault(slot.Index, -1);
            return IsHere(slot.Key, slot, old, host)
                || (slot.Departing?.GetPrimaryKeyString() is { } from && IsHere(from, slot, old, host));
        }

        while (!over.IsCancellationRequested && !supervisor.MustStop)
        {
            var under = Enumerable.Range(0, AtOnce).Select(_ => migrations.PrepareEvacuation(random, HasToGo)).OfType<PreparedOperation>()
                .Select(_loop.RunNowAsync).ToList();
            if (under.Count > 0) await Task.WhenAll(under);
            else if (!moving.Exists(one => one.Slot.Migrates && one.Slot.Migrations == one.Number) && !fleet.Existing().Any(HasToGo))
                return await ForgetAsync(host);
            else await Task.Delay(Pause, clock.Time, CancellationToken.None);
        }

        return false;
    }

    /// <summary>Whether the VM with this key is on the host, or has an actor on its silo.</summary>
    /// <param name="key">of the VM, which may be on its way</param>
    /// <param name="slot">its place</param>
    /// <param name="old">the newest incarnation that was made before the silo was closed</param>
    /// <param name="host">the number of both</param>
    private bool IsHere(string key, VmSlot slot, int old, int host)
    {
        var vm = ActorKeys.Parse(key);
        if (vm.Index == host) return true;
        if (vm.Incarnation > old) return false;
        var mode = campaign.Placement == Placement.Packed ? PlacementMode.Packed : PlacementMode.Spread;
        var actors = Enumerable.Range(0, slot.Settings.Vcpus).Select(vcpu => ActorKeys.Vcpu(key, vcpu)).Append(key);
        return actors.Any(actor => PlacementPolicy.SiloIndex(ActorKeys.Parse(actor), mode, campaign.Silos) == host);
    }

    /// <summary>The host's last report; then it is asked for none.</summary>
    private async Task<bool> ForgetAsync(int host)
    {
        var report = await fleet.Hosts.First(one => one.GetPrimaryKeyString() == ActorKeys.Host(host))
            .InspectAsync(clock.MeasuredFromMicroseconds);
        fleet.ForgetHost(host);
        supervisor.SiloLeft(ActorKeys.Silo(host));
        foreach (var last in report.LastOfOthers.Append(report))
        {
            supervisor.Take(last);
            reports.Retire(last);
        }

        lock (_left) _left.Add($"{ActorKeys.Silo(host)} was asked to end and left the run when its VMs had moved to other hosts");
        return true;
    }
}
