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
    private static readonly CallOrders All = new(1, DelayMilliseconds: 60, Milliseconds: 60_000) { AreTwice = true, Seed = 1 };

    [Fact]
    public async Task A_VM_moves_though_every_call_between_its_hosts_and_to_the_inventory_arrives_twice()
    {
        var bed = await clusters.BedAsync(PlacementMode.Packed);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap));
        var there = here.On(await bed.PlanAsync());
        bed.StrikeCalls(All);
        var outcome = await here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there));
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        // Either message of a call may arrive when the migration has long been complete, and after later calls.
        await ArriveAsync(nameof(IVmGrain.PrepareIncomingAsync), 2);
        await ArriveAsync(nameof(IVmGrain.CompareIncomingAsync), 2 * VmPlan.Memslots);
        await ArriveAsync(nameof(IVmGrain.TakeOverAsync), 2);
        Assert.True(bed.StrikeCalls(CallOrders.None) > 0);
        await there.RunsOnAsync();
        await here.LeavesNothingAsync();
        await there.DestroyAsync();
        await there.LeavesNothingAsync();

        Task ArriveAsync(string method, int messages) =>
            Until.HoldsAsync(() => Task.FromResult(bed.Calls.Of(there.Key, method)), seen => seen == messages, $"each {method} twice");
    }
}
