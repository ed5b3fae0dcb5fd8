using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Actors.Migrations;

/// <summary>The way to the inventory, by grain calls.</summary>
internal sealed class GrainInventory(IGrainFactory grains) : IVmInventory
{
    private readonly IInventoryGrain _grain = grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory);

    public ValueTask<Ownership> RegisterAsync(Operation op, string vm, string host) =>
        GrainCall.OrLostAsync(Ownership.Lost, () => _grain.RegisterAsync(vm, host));

    public ValueTask<Ownership> ClaimAsync(Operation op, string vm, long epoch, string host) =>
        GrainCall.OrLostAsync(Ownership.Lost, () => _grain.ClaimAsync(vm, epoch, host));

    public ValueTask<Ownership> FindAsync(Operation op, string vm) => GrainCall.OrLostAsync(Ownership.Lost, () => _grain.FindAsync(vm));

    public ValueTask<Ownership> RemoveAsync(Operation op, string vm, long epoch) =>
        GrainCall.OrLostAsync(Ownership.Lost, () => _grain.RemoveAsync(vm, epoch));
}

/// <summary>The port to the ownership record of a VM's host, by grain calls. A host that does not answer may have recorded the
/// grant.</summary>
internal sealed class GrainHostOwnership(IHostMmuGrain grain, string host) : IHostOwnership
{
    public string Host { get; } = host;

    public ValueTask<OwnershipStatus> RecordAsync(string vm, Ownership answer) =>
        GrainCall.OrLostAsync(OwnershipStatus.Lost, () => grain.RecordAsync(vm, answer));

    public async ValueTask ReleaseAsync(string vm) => await GrainCall.OrLostAsync(false, async () =>
    {
        await grain.ReleaseAsync(vm);
        return true;
    });
}
