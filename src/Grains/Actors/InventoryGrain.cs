using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Grains.Telemetry;
using Livebed.Kvm.Migration;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>
/// Adapter of a <see cref="VmInventory"/>. An activation first asks every host of the cluster what it owns, under a term higher than any
/// that they know. It answers no call before all have answered. After a crash Orleans may run two activations for a moment: the hosts
/// accept grants of the later term only.
/// </summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
internal sealed class InventoryGrain(SiloTelemetry telemetry, ClusterWorldOptions options) : Grain, IInventoryGrain
{
    private const int TermAttempts = 20;

    private Task<VmInventory>? _register;

    public async ValueTask<Ownership> RegisterAsync(string vm, string host) => (await RegisterAsync()).Register(vm, host);

    public async ValueTask<Ownership> ClaimAsync(string vm, long epoch, string host) => (await RegisterAsync()).Claim(vm, epoch, host);

    public async ValueTask<Ownership> FindAsync(string vm) => (await RegisterAsync()).Find(vm);

    public async ValueTask<Ownership> RemoveAsync(string vm, long epoch) => (await RegisterAsync()).Remove(vm, epoch);

    private async Task<VmInventory> RegisterAsync()
    {
        // A host that did not answer may be dying, and a silo's death may cancel the question: the next call asks again.
        if (_register is null or { IsCompleted: true, IsCompletedSuccessfully: false }) _register = MakeAsync();
        return await _register;
    }

    private async Task<VmInventory> MakeAsync()
    {
        for (var attempt = 0; attempt < TermAttempts; attempt++)
        {
            var hosts = await HostsAsync();
            var terms = await Task.WhenAll(hosts.Select(host => host.TermAsync().AsTask()));
            var register = new VmInventory(
                new ActorJournal(telemetry, this.GetPrimaryKeyString(), options).World, terms.Append(0).Max() + 1);
            var reports = await Task.WhenAll(hosts.Select(host => host.ReportOwnershipAsync(register.Term).AsTask()));

            // Another activation was faster with one of them.
            if (reports.Contains(null)) continue;
            foreach (var (host, owned) in hosts.Zip(reports))
                foreach (var entry in owned!)
                    register.Restore(entry.Vm, host.GetPrimaryKeyString(), entry.Epoch);
            return register;
        }

        throw new TimeoutException($"another inventory was faster {TermAttempts} times");
    }

    /// <summary>Every living host. A dead host's VMs have no owner.</summary>
    private async Task<List<IHostOwnershipGrain>> HostsAsync()
    {
        var type = GrainFactory.GetGrain<IHostOwnershipGrain>(ActorKeys.Host(0)).GetGrainId().Type;
        var ids = await GrainFactory.GetGrain<IManagementGrain>(0).GetActiveGrains(type);
        return [.. ids.Distinct().Select(id => GrainFactory.GetGrain<IHostOwnershipGrain>(id.Key.ToString()))];
    }
}
