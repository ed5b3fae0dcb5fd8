using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Moments of a migration in which one side does not know what the other has done, because an answer was lost or because something comes in between: whoever does not know asks again, and nobody takes no answer for a no.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationDoubtTests(ActorCollection.Clusters clusters)
{
    private static MigrationParameters OneRound => new() { MaxBandwidth = 200_000, DowntimeLimitMicroseconds = 0, BatchPages = 64, RoundsMax = 1, TimeoutAction = TimeoutAction.Suspend };

    private static MigrationParameters ToPostcopy => OneRound with { PostcopyAfterRounds = 1, RecoveryLimitMicroseconds = 500_000 };

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
        using var sending = bed.Held.Hold(here.HostKey, nameof(IHostMmuGrain.SendPagesAsync), context =>
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

    private async Task<(ActorBed Bed, BedVm Here, BedVm There)> PairAsync()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet));
        return (bed, here, here.On(await bed.PlanAsync()));
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
