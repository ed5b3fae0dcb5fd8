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
