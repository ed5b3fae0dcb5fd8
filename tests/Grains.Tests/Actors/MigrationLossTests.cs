using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>What is lost without a death: see <see cref="InventoryKillTests"/> and <see cref="MigrationKillTests"/> for those.</summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationLossTests
{
    [Fact]
    public async Task Two_inventories_that_begin_at_once_do_not_share_a_term()
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 2);
        var vm = await bed.PlanAsync();
        Assert.NotNull(await vm.Ownership.ReportOwnershipAsync(1));
        Assert.Null(await vm.Ownership.ReportOwnershipAsync(1));
        Assert.Equal(OwnershipStatus.Granted, (await Inventory(bed).RegisterAsync("vm-a", vm.HostKey)).Status);
        Assert.Equal(2, await vm.Ownership.TermAsync());
        Assert.Equal(
            OwnershipStatus.Lost, await vm.Ownership.RecordAsync("vm-a", new Ownership(OwnershipStatus.Granted, vm.HostKey, 1, Term: 1)));
        Assert.Equal(
            OwnershipStatus.Granted,
            await vm.Ownership.RecordAsync("vm-a", new Ownership(OwnershipStatus.Granted, vm.HostKey, 1, Term: 2)));
    }

    private static IInventoryGrain Inventory(ActorBed bed) => bed.Grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory);
}
