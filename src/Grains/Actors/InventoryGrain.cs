using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;
using Orleans.Concurrency;

namespace Livebed.Grains.Actors;

/// <summary>
/// Adapter of a <see cref="VmInventory"/>, which an activation first makes from what the hosts own (<see cref="InventoryBeginning"/>).
/// Calls wait for that; where nothing comes of it they have no answer, and the next call begins again. After a crash Orleans may run two
/// activations for a moment: the hosts accept grants of the later term only.
/// </summary>
[Reentrant]
[LivebedPlacement]
[KeepAlive]
internal sealed class InventoryGrain(ActorSilo silo, LeaseTerms lease) : Grain, IInventoryGrain
{
    private Task<VmInventory?>? _register;

    public async ValueTask<Ownership> RegisterAsync(string vm, string host) =>
        (await RegisterAsync())?.Register(vm, host) ?? Ownership.Lost;

    public async ValueTask<Ownership> ClaimAsync(string vm, long epoch, string host) =>
        (await RegisterAsync())?.Claim(vm, epoch, host) ?? Ownership.Lost;

    public async ValueTask<Ownership> FindAsync(string vm) => (await RegisterAsync())?.Find(vm) ?? Ownership.Lost;

    public async ValueTask<Ownership> RemoveAsync(string vm, long epoch) => (await RegisterAsync())?.Remove(vm, epoch) ?? Ownership.Lost;

    private Task<VmInventory?> RegisterAsync()
    {
        if (_register is null or { IsCompleted: true, IsCompletedSuccessfully: false } or { IsCompletedSuccessfully: true, Result: null })
        {
            var world = new ActorJournal(silo, this.GetPrimaryKeyString()).World;
            _register = InventoryBeginning.MakeAsync(world, HostsAsync, lease.Microseconds).AsTask();
        }

        return _register;
    }

    private ValueTask<IReadOnlyList<IOwnershipReporter>?> HostsAsync() =>
        GrainCall.OrLostAsync<IReadOnlyList<IOwnershipReporter>?>(null, async () =>
        {
            var type = GrainFactory.GetGrain<IHostOwnershipGrain>(ActorKeys.Host(0)).GetGrainId().Type;
            var ids = await GrainFactory.GetGrain<IManagementGrain>(0).GetActiveGrains(type);
            return [.. ids.Select(id => id.Key.ToString()!).Distinct().Order(StringComparer.Ordinal)
                .Select(key => new GrainOwnershipReporter(GrainFactory.GetGrain<IHostOwnershipGrain>(key), key))];
        });
}
