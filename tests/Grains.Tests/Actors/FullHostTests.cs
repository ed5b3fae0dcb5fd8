using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>A host without memory refuses VMs, in a cluster.</summary>
[Collection(ActorCollection.Name)]
public sealed class FullHostTests(ActorCollection.Clusters clusters)
{
    [Fact]
    public async Task A_VM_that_a_full_host_refuses_runs_on_where_it_was_and_moves_when_there_is_memory_again()
    {
        var bed = await clusters.BedAsync(PlacementMode.Packed);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap));
        var there = here.On(await bed.PlanAsync());
        Assert.False(await there.Host.FillAsync(left: 1));
        var refused = await here.MigrateAsync(there);
        Assert.Equal(
            (MigrationStatus.Failed, "the destination did not prepare: NoMemory"), (refused.Info.Status, refused.Info.Reason));
        await here.RunsOnAsync();
        await there.LeavesNothingAsync();
        Assert.True(await there.Host.FillAsync(left: null));
        var again = here.On(there);
        Assert.Equal(MigrationStatus.Completed, (await here.MigrateAsync(again)).Info.Status);
        await again.RunsOnAsync();
        await again.DestroyAsync();
        await again.LeavesNothingAsync();
    }
}
