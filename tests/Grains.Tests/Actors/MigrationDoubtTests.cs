using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Moments of a migration in which one side does not know what the other has done, because an answer was lost or another event came in
/// between. That side asks again, and no side takes a missing answer for a refusal.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationDoubtTests(ActorCollection.Clusters clusters)
{
    private static MigrationParameters OneRound =>
        new()
        {
            MaxBandwidth = 200_000,
            DowntimeLimitMicroseconds = 0,
            BatchPages = 64,
            RoundsMax = 1,
            TimeoutAction = TimeoutAction.Suspend,
        };

    private static MigrationParameters ToPostcopy => OneRound with { PostcopyAfterRounds = 1, RecoveryLimitMicroseconds = 500_000 };

    [Fact]
    public async Task A_destination_whose_host_has_taken_the_VM_and_whose_answer_was_lost_runs_it()
    {
        var (bed, here, there) = await PairAsync();
        bed.Losses.Lose(there.HostKey, nameof(IHostOwnershipGrain.RecordAsync));
        var outcome = await here.MigrateAsync(there, OneRound);
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        await StandsAsync(bed, there, here);
    }

    [Fact]
    public async Task A_source_whose_host_has_taken_the_VM_back_and_whose_answer_was_lost_runs_it()
    {
        var (bed, here, there) = await PairAsync();
        using var offered = await HeldMigration.OfferedAsync(bed, here, there);
        bed.Losses.Lose(here.HostKey, nameof(IHostOwnershipGrain.RecordAsync));
        var outcome = await offered.LoseAsync();
        Assert.Equal((MigrationStatus.Failed, 2), (outcome.Info.Status, VmEpoch.HandOvers(outcome.Info.Epoch)));
        await StandsAsync(bed, here, there);
    }

    [Fact]
    public async Task A_guest_that_has_all_of_its_pages_is_not_lost_because_its_word_was()
    {
        var (bed, here, there) = await PairAsync();
        bed.Losses.Lose(there.Key, nameof(IVmGrain.FinishIncomingAsync));
        var outcome = await here.MigrateAsync(there, ToPostcopy);
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        await StandsAsync(bed, there, here);
    }

    [Fact]
    public async Task A_page_that_a_vCPU_waits_for_before_the_source_knows_that_it_runs_comes_before_the_rest()
    {
        var (bed, here, there) = await PairAsync();
        using var started = bed.Held.HoldAnswer(there.Key, nameof(IVmGrain.TakeOverAsync));
        using var asked = bed.Held.HoldAnswer(here.Key, nameof(IVmGrain.RequestPageAsync));
        var moving = here.MigrateAsync(there, ToPostcopy);
        await started.ReachedAsync();
        await asked.ReachedAsync();
        asked.Release();
        BatchMessage? first = null;
        using var sending = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), context =>
        {
            first ??= context.Request.GetArgument(2) as BatchMessage?;
            return true;
        });
        started.Release();
        await sending.ReachedAsync();
        sending.Release();
        Assert.Equal(ChunkHeader.UrgentChannel, first!.Value.Channel);
        Assert.Equal(MigrationStatus.Completed, (await moving).Info.Status);
        await StandsAsync(bed, there, here);
    }

    [Fact]
    public async Task A_cancel_counts_while_memory_is_compared()
    {
        var (bed, here, there) = await PairAsync();
        using var comparing = bed.Held.Hold(there.Key, nameof(IVmGrain.CompareIncomingAsync));
        var moving = here.MigrateAsync(there, OneRound);
        await comparing.ReachedAsync();
        Assert.Equal(CancelCase.UntilHandedOver, await here.CancelMigrationAsync());
        comparing.Release();
        Assert.Equal(MigrationStatus.Cancelled, (await moving).Info.Status);
        await StandsAsync(bed, here, there);
    }

    [Fact]
    public async Task A_VM_that_is_destroyed_where_it_is_about_to_run_runs_nowhere()
    {
        var (bed, here, there) = await PairAsync();
        using var claiming = bed.Held.Hold(ActorKeys.Inventory, nameof(IInventoryGrain.ClaimAsync));
        var moving = here.MigrateAsync(there, OneRound);
        await claiming.ReachedAsync();
        var destroying = await DestroyingAsync(bed, there);
        claiming.Release();
        Assert.All(await destroying, report => Assert.Empty(report.Violations));
        Assert.Equal(MigrationStatus.Completed, (await moving).Info.Status);
        await here.LeavesNothingAsync();
        await there.LeavesNothingAsync();
        Assert.Equal(0, (await bed.Grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory).FindAsync(here.Name)).Epoch);
    }

    [Fact]
    public async Task A_VM_that_is_destroyed_where_it_is_prepared_stays_where_it_is()
    {
        var (bed, here, there) = await PairAsync();
        using var preparing = bed.Held.Hold(there.HostKey, nameof(IHostStreamsGrain.BeginIncomingAsync));
        var moving = here.MigrateAsync(there, OneRound);
        await preparing.ReachedAsync();
        var destroying = await DestroyingAsync(bed, there);
        preparing.Release();
        Assert.All(await destroying, report => Assert.Empty(report.Violations));
        Assert.Equal(MigrationStatus.Failed, (await moving).Info.Status);
        await StandsAsync(bed, here, there);
    }

    [Fact]
    public async Task A_VM_whose_pages_are_still_coming_moves_on()
    {
        var (bed, here, there) = await PairAsync();
        using var held = await HeldMigration.AtAsync(bed, here, there, MigrationStatus.PostcopyActive, isPatient: true);
        var next = there.On(await bed.PlanAsync());
        var onward = there.MigrateAsync(next, OneRound);
        await there.MigratesAsync(MigrationStatus.Setup);
        Assert.Equal(MigrationStatus.Completed, (await held.ReleaseAsync()).Info.Status);
        Assert.Equal(MigrationStatus.Completed, (await onward).Info.Status);
        await StandsAsync(bed, next, there);
    }

    private async Task<(ActorBed Bed, BedVm Here, BedVm There)> PairAsync()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet));
        return (bed, here, here.On(await bed.PlanAsync()));
    }

    /// <summary>Returns when the VM's grain has been told and has done what it does at once.</summary>
    private static async Task<Task<IReadOnlyList<ActorReport>>> DestroyingAsync(ActorBed bed, BedVm vm)
    {
        using var destroy = bed.Held.Hold(vm.Key, nameof(IVmGrain.DestroyAsync));
        var destroying = vm.DestroyAsync();
        await destroy.ReachedAsync();
        destroy.Release();
        await vm.InspectAsync();
        return destroying;
    }

    /// <summary>The VM runs on the one side and nothing of it is on the other.</summary>
    private static async Task StandsAsync(ActorBed bed, BedVm home, BedVm away)
    {
        await home.RunsOnAsync();
        await away.LeavesNothingAsync();
        Assert.Equal(home.HostKey, bed.GuestRuns.RunsAt(home.Name));
        Assert.All(await home.DestroyAsync(), report => Assert.Empty(report.Violations));
        await home.LeavesNothingAsync();
    }
}
