using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// A cancel comes in every status of a migration. What the table of <see cref="MigrationStates"/> promises comes true, the VM runs on in
/// one place, and then migrates as if nothing had been. A status without a case here fails.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationCancelTests(ActorCollection.Clusters clusters)
{
    public static TheoryData<MigrationStatus> Statuses => [.. Enum.GetValues<MigrationStatus>()];

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task A_cancel_in_any_status_does_what_the_table_says_and_the_VM_migrates_again(MigrationStatus status)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet));
        if (status == MigrationStatus.None)
        {
            Assert.Equal(MigrationStates.CancelIn(status), await here.CancelMigrationAsync());
            await MigratesOnAsync(bed, here);
            return;
        }

        var there = here.On(await bed.PlanAsync());
        using var held = await HeldMigration.AtAsync(bed, here, there, status);
        Assert.Equal(MigrationStates.CancelIn(status), await here.CancelMigrationAsync());
        var outcome = await held.ReleaseAsync();
        Assert.Equal(EndOf(status), outcome.Info.Status);
        await StandsAsync(bed, here, there, outcome.Info.Status == MigrationStatus.Completed);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_cancel_after_the_destination_was_asked_counts_if_it_has_not_taken_over_which_the_inventory_decides(bool arrives)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Ring));
        var there = here.On(await bed.PlanAsync());
        using var held = await HeldMigration.OfferedAsync(bed, here, there);
        Assert.Equal(CancelCase.UntilHandedOver, await here.CancelMigrationAsync());
        var outcome = arrives ? await held.ReleaseAsync() : await held.LoseAsync();
        Assert.Equal(arrives ? MigrationStatus.Completed : MigrationStatus.Cancelled, outcome.Info.Status);
        Assert.Equal(2, VmEpoch.HandOvers(outcome.Info.Epoch));
        await StandsAsync(bed, here, there, arrives);
    }

    /// <summary>How a migration ends that is cancelled in a status.</summary>
    private static MigrationStatus EndOf(MigrationStatus status) => status switch
    {
        MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device or MigrationStatus.Cancelling or MigrationStatus
            .Cancelled => MigrationStatus.Cancelled,
        MigrationStatus.PostcopyActive or MigrationStatus.PostcopyPaused or MigrationStatus.PostcopyRecover or MigrationStatus.Completed =>
            MigrationStatus.Completed,
        MigrationStatus.Failed => MigrationStatus.Failed,
        _ => throw new ArgumentOutOfRangeException(nameof(status), status, "no end is expected for a cancel here"),
    };

    /// <summary>The VM runs on the one side, nothing of it is on the other, and it can go on from there.</summary>
    private static async Task StandsAsync(ActorBed bed, BedVm here, BedVm there, bool hasMoved)
    {
        var (home, away) = hasMoved ? (there, here) : (here, there);
        await home.RunsOnAsync();
        await away.LeavesNothingAsync();
        Assert.Equal(home.HostKey, bed.GuestRuns.RunsAt(here.Name));
        await MigratesOnAsync(bed, home);
    }

    private static async Task MigratesOnAsync(ActorBed bed, BedVm vm)
    {
        var next = vm.On(await bed.PlanAsync());
        var outcome = await vm.MigrateAsync(next);
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        await next.RunsOnAsync();
        await vm.LeavesNothingAsync();
        Assert.Equal(next.HostKey, bed.GuestRuns.RunsAt(vm.Name));
        Assert.All(await next.DestroyAsync(), report => Assert.Empty(report.Violations));
        await next.LeavesNothingAsync();
    }
}
