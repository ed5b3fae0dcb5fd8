using Livebed.Grains.Contracts;
using Livebed.Grains.Faults;
using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Calls of a migration that arrive twice, in a cluster: each is carried out twice, and once is what comes of it.</summary>
[Collection(ActorCollection.Name)]
public sealed class RepeatedCallTests(ActorCollection.Clusters clusters)
{
    private static readonly CallOrders All = new(1, DelayMilliseconds: 5, Milliseconds: 60_000) { AreTwice = true, Seed = 1 };

    [Fact]
    public async Task A_VM_moves_though_every_call_between_its_hosts_and_to_the_inventory_arrives_twice()
    {
        var bed = await clusters.BedAsync(PlacementMode.Packed);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap));
        var there = here.On(await bed.PlanAsync());
        bed.StrikeCalls(All);
        var outcome = await here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there));
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        Assert.True(bed.StrikeCalls(CallOrders.None) > 0);
        await Until.HoldsAsync(
            () => Task.FromResult(bed.Calls.Of(there.Key, nameof(IVmGrain.TakeOverAsync))), calls => calls == 2, "the second take-over");
        Assert.Equal(2, bed.Calls.Of(there.Key, nameof(IVmGrain.PrepareIncomingAsync)));
        Assert.Equal(0, bed.Calls.Of(there.Key, nameof(IVmGrain.CompareIncomingAsync)) % 2);
        await there.RunsOnAsync();
        await here.LeavesNothingAsync();
        await there.DestroyAsync();
        await there.LeavesNothingAsync();
    }
}
