using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>Faults of the network that a campaign orders with a migration come to pass, are in the history, and cost the guest nothing but
/// time.</summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationFaultTests(ActorCollection.Clusters clusters)
{
    [Theory]
    [InlineData(PlacementMode.Spread)]
    [InlineData(PlacementMode.Packed)]
    public async Task A_link_that_breaks_in_post_copy_pauses_the_migration_until_it_is_recovered(PlacementMode placement)
    {
        var bed = await clusters.BedAsync(placement);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet));
        var there = here.On(await bed.PlanAsync());
        var request = here.RequestTo(there, ToPostcopy) with
        {
            Faults = new MigrationFaults { LinkBreaks = [0], JitterMicroseconds = 5_000, Seed = 3 },
        };
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), request).AsTask();
        await here.MigratesAsync(MigrationStatus.PostcopyPaused);
        Assert.True(await here.Grain.RecoverMigrationAsync(bed.Next(OperationKind.Migration)));
        var outcome = await moving;
        Assert.Equal((MigrationStatus.Completed, 1), (outcome.Info.Status, outcome.Info.PostcopyPauses));
        bed.Take(outcome.LastReports);
        await there.RunsOnAsync();
        Assert.All(await there.DestroyAsync(), report => Assert.Empty(report.Violations));
        await here.LeavesNothingAsync();
        Assert.Equal(["invoke", "ok"], Breaks(bed).Select(entry => entry.Type));
        Assert.StartsWith($"stream {request.Setup.Stream} to {there.HostKey}, ", Breaks(bed)[1].Value, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_hand_over_whose_answer_is_lost_leaves_the_VM_with_whom_the_inventory_says()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap));
        var there = here.On(await bed.PlanAsync());
        var outcome = await here.Grain.MigrateAsync(
            bed.Next(OperationKind.Migration), here.RequestTo(there) with { Faults = new MigrationFaults { LostAnswers = 3 } });
        Assert.Equal((MigrationStatus.Completed, "the destination did not take over: Lost"), (outcome.Info.Status, outcome.Info.Reason));
        var lost = outcome.LastReports.SelectMany(report => report.History).Where(entry => entry.Operation == "answer-loss").ToList();

        // The inventory names the destination, and the source asks until it hears that the VM runs there.
        Assert.Equal(["invoke", "ok", "invoke", "ok", "invoke", "ok"], lost.Select(entry => entry.Type));
        Assert.Contains("the answer Ok to the hand-over is lost", lost[1].Value, StringComparison.Ordinal);
        await there.RunsOnAsync();
        Assert.All(await there.DestroyAsync(), report => Assert.Empty(report.Violations));
        await here.LeavesNothingAsync();
    }

    /// <summary>A page at a time is still to come when the guest goes over.</summary>
    private static MigrationParameters ToPostcopy =>
        new() { DowntimeLimitMicroseconds = 0, BatchPages = 64, PostcopyAfterRounds = 1, MaxBandwidth = 200_000 };

    private static List<HistoryEntry> Breaks(ActorBed bed)
    {
        lock (bed.History) return [.. bed.History.Where(entry => entry.Operation == "link-break")];
    }
}
