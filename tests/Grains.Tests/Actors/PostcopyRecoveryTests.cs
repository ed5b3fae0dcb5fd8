using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>What a link that broke in post-copy leaves undone is done first when it is whole again.</summary>
[Collection(ActorCollection.Name)]
public sealed class PostcopyRecoveryTests(ActorCollection.Clusters clusters)
{
    [Fact]
    public async Task A_page_that_a_vCPU_waits_for_is_asked_for_again_and_comes_before_the_rest()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet));
        var there = here.On(await bed.PlanAsync());
        using var paused = await HeldMigration.AtAsync(bed, here, there, MigrationStatus.PostcopyPaused);

        // A vCPU that finds its page missing now gets no answer.
        var waits = await Until.HoldsAsync(
            async () =>
                (await there.Host.InspectAsync())
                    .Waits.Where(wait => wait.LockClass == LockClasses.Userfaultfd.Name).Select(wait => wait.Instance).ToList(),
            found => found.Count > 0, "a vCPU that waits for a page");
        BatchMessage? first = null;
        using var sending = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), context =>
        {
            first ??= context.Request.GetArgument(2) as BatchMessage?;
            return true;
        });
        Assert.True(await here.Grain.RecoverMigrationAsync(bed.Next(OperationKind.Migration)));
        await sending.ReachedAsync();
        Assert.Equal(ChunkHeader.UrgentChannel, first!.Value.Channel);
        Assert.Contains(waits, wait => wait.StartsWith(first.Value.Pages.Range.Start.ToString(), StringComparison.Ordinal));
        sending.Release();
        var outcome = await paused.Outcome;
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        Assert.Contains(outcome.Info.PostcopyBlocktime.VcpuMicroseconds, blocked => blocked > 0);
        await there.RunsOnAsync();
        Assert.All(await there.DestroyAsync(), report => Assert.Empty(report.Violations));
    }
}
