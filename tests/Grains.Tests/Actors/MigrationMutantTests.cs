using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The defects of migrations are caught in the cluster too, by a check that the catalogue names, and without them nothing is. Those that depend on timing are given theirs: a call or a
/// chunk is held while the guest writes.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationMutantTests(ActorCollection.Clusters clusters)
{
    private static MigrationParameters Slow => new()
    {
        MaxBandwidth = 100_000,
        DowntimeLimitMicroseconds = 0,
        BatchPages = 64,
        RoundsMax = 10_000,
        Throttle = ThrottleKind.AutoConverge,
        ThrottlePeriodMicroseconds = 1_000,
        ThrottleTriggerThreshold = 1,
    };

    [Theory]
    [InlineData(Mutant.FinalSyncLosesPage)]
    [InlineData(Mutant.None)]
    public async Task A_page_that_the_final_sync_loses_is_missed(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var (here, there) = await PairAsync(bed, mutant, DirtyLogMode.InitiallySet);
        await CheckAsync(mutant, await MoveAsync(bed, here, there, Rounds(1)), there);
    }

    [Theory]
    [InlineData(Mutant.GetLogWithoutProtect, DirtyLogMode.Bitmap)]
    [InlineData(Mutant.GetLogWithoutProtect, DirtyLogMode.InitiallySet)]
    [InlineData(Mutant.None, DirtyLogMode.Bitmap)]
    public async Task A_sync_after_which_writes_do_not_trap_again_is_found(Mutant mutant, DirtyLogMode log)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var (here, there) = await PairAsync(bed, mutant, log);

        // What the first sync found is sent in the second round, and from then on nobody hears of a write to it.
        await CheckAsync(mutant, await MoveAsync(bed, here, there, Rounds(2)), there);
    }

    [Theory]
    [InlineData(Mutant.CopyBeforeClear)]
    [InlineData(Mutant.None)]
    public async Task A_page_that_is_read_before_its_dirty_bit_is_cleared_is_found(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);

        // So slow that most of what is written while the answer is held is not written again before the vCPUs stop.
        var (here, there) = await PairAsync(bed, mutant, DirtyLogMode.InitiallySet, accessesPerSecond: 500);
        using var read = bed.Held.HoldAnswers(here.HostKey, nameof(IHostMmuGrain.SendPagesAsync));
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Rounds(1)));
        await read.ReachedAsync();
        await here.RunsOnAsync();
        read.Release();
        await CheckAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData(Mutant.FinalSyncBeforeVcpusLeft)]
    [InlineData(Mutant.None)]
    public async Task A_final_sync_before_the_vCPUs_have_left_the_guest_is_found(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);

        // So slow, and the link so fast, that few pages are dirty at the final sync: those that are will be sent whatever is written to them.
        var (here, there) = await PairAsync(bed, mutant, DirtyLogMode.Bitmap, accessesPerSecond: 500);
        await CheckAsync(mutant, await MoveAsync(bed, here, there, Rounds(1) with { MaxBandwidth = 0 }), there);
    }

    [Theory]
    [InlineData(Mutant.NoRoundBarrier)]
    [InlineData(Mutant.None)]
    public async Task An_old_page_that_overtakes_a_new_one_is_found(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var (here, there) = await PairAsync(bed, mutant, DirtyLogMode.InitiallySet);
        using var relay = new PageRelay(chunk => chunk is { Round: 0, Channel: 0 }, chunk => chunk.Round == 1);
        bed.Pages.Through(there.HostKey, relay);
        using var stop = bed.Held.Hold(here.VcpuKey(0), nameof(IVcpuGrain.PauseAsync));
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Rounds(1)));

        // Its pages have been read, and now the guest writes them; only with the defect they are sent again before the old ones have arrived.
        await relay.ReachedAsync();
        await here.RunsOnAsync();
        stop.Release();
        if (mutant != Mutant.None) await relay.DeliveredAsync();
        relay.Release();
        await CheckAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData(Mutant.LatePageInPostcopy)]
    [InlineData(Mutant.None)]
    public async Task A_page_of_pre_copy_that_arrives_in_post_copy_is_found(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var (here, there) = await PairAsync(bed, mutant, DirtyLogMode.InitiallySet, pagesPerVcpu: 128);
        using var relay = new PageRelay(chunk => chunk is { Phase: StreamPhase.Precopy, Channel: 0 }, chunk => chunk.Phase == StreamPhase.Postcopy);
        bed.Pages.Through(there.HostKey, relay);
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Rounds(100)));
        await relay.ReachedAsync();
        Assert.True(await here.Grain.StartPostcopyAsync(bed.Next(OperationKind.Migration)));

        // Without the defect nobody goes over before the chunk has arrived.
        if (mutant != Mutant.None) await relay.DeliveredAsync();
        relay.Release();
        await CheckAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData(Mutant.CancelKeepsThrottle)]
    [InlineData(Mutant.None)]
    public async Task A_throttle_that_a_cancel_leaves_is_found(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Slow));
        await Until.HoldsAsync(async () => await here.Grain.MigrationInfoAsync(), info => info?.CpuThrottlePercentage > 0, "a throttle");
        await here.Grain.CancelMigrationAsync(bed.Next(OperationKind.Migration));
        Assert.Equal(MigrationStatus.Cancelled, (await moving).Info.Status);
        Assert.Equal(mutant == Mutant.None ? [] : [Invariants.SourceRestored], await CaughtAsync([], here));
        await here.DestroyAsync();
    }

    [Theory]
    [InlineData(Mutant.BothRunAfterFailedHandOver)]
    [InlineData(Mutant.None)]
    public async Task A_source_that_runs_on_although_the_destination_runs_is_found(Mutant mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        bed.Losses.Lose(there.Key, nameof(IVmGrain.TakeOverAsync));
        var outcome = await here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there));

        // Without the defect the source asks the inventory, and hears that the VM has moved.
        Assert.Equal(mutant == Mutant.None ? MigrationStatus.Completed : MigrationStatus.Failed, outcome.Info.Status);
        var reports = outcome.LastReports.Concat(await here.Grain.InspectAsync(settled: false)).Concat(await there.Grain.InspectAsync(settled: false));
        var check = new OneOwnerCheck();
        var caught = reports.SelectMany(report => report.GuestRuns).OrderBy(entry => entry.UnixMicroseconds)
            .Select(entry => check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs)?.Invariant).OfType<string>();
        Assert.Equal(mutant == Mutant.None ? [] : [Invariants.OneOwner], caught);
        await there.DestroyAsync();
        await here.DestroyAsync();
    }

    /// <summary>So many rounds of pre-copy and then the hand-over, however much is left.</summary>
    private static MigrationParameters Rounds(int max) => Slow with { Throttle = ThrottleKind.None, RoundsMax = max, TimeoutAction = TimeoutAction.Suspend };

    private static async Task<(BedVm Here, BedVm There)> PairAsync(
        ActorBed bed, Mutant mutant, DirtyLogMode log, int accessesPerSecond = 20_000, int pagesPerVcpu = 32)
    {
        var here = await bed.RunAsync(new VmPlan(log, AccessesPerSecond: accessesPerSecond, PagesPerVcpu: pagesPerVcpu, Mutant: mutant));
        return (here, here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant))));
    }

    /// <summary>Moves the VM; before its vCPUs stop the guest has gone on writing, however busy the machine is.</summary>
    private static async Task<MigrationOutcome> MoveAsync(ActorBed bed, BedVm here, BedVm there, MigrationParameters parameters)
    {
        using var stop = bed.Held.Hold(here.VcpuKey(0), nameof(IVcpuGrain.PauseAsync));
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, parameters));
        await stop.ReachedAsync();
        await here.RunsOnAsync();
        stop.Release();
        return await moving;
    }

    /// <summary>
    /// The VM has moved, and of what the catalogue says that catches the defect something did, and nothing else has: which of them it is depends on when a page was sent and written. A
    /// read at the destination may find the page too, and that is the oracle's.
    /// </summary>
    private static async Task CheckAsync(Mutant mutant, MigrationOutcome outcome, BedVm there)
    {
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        var caught = await CaughtAsync(outcome.LastReports, there);
        var named = mutant == Mutant.None ? [] : MutantCatalog.All.Single(entry => entry.Id == mutant).CaughtBy;
        Assert.Equal(mutant != Mutant.None, caught.Intersect(named).Any());
        if (mutant == Mutant.None) Assert.Empty(caught);
        else Assert.Empty(caught.Except([.. named, Invariants.SameMemory, Invariants.GuestMemory]));
        await there.DestroyAsync();
    }

    private static async Task<string[]> CaughtAsync(IEnumerable<ActorReport> last, BedVm vm)
    {
        var host = await vm.Host.InspectAsync();
        ActorReport[] reports = [.. last, host, .. host.LastOfOthers, .. await vm.Grain.InspectAsync(settled: false)];
        return [.. reports.SelectMany(report => report.Violations).Select(violation => violation.Invariant).Distinct().Order(StringComparer.Ordinal)];
    }
}
