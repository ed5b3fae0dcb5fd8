using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>VMs move between silos under load: nothing is lost, nothing is left, and there is one of them.</summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationTests(ActorCollection.Clusters clusters)
{
    [Theory]
    [InlineData(DirtyLogMode.Bitmap, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.Manual, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.InitiallySet, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.Ring, PlacementMode.Spread)]
    [InlineData(DirtyLogMode.InitiallySet, PlacementMode.Packed)]
    [InlineData(DirtyLogMode.Ring, PlacementMode.Packed)]
    public async Task A_VM_moves_to_another_host_and_back_under_load(DirtyLogMode mode, PlacementMode placement)
    {
        var bed = await clusters.BedAsync(placement);
        var here = await bed.RunAsync(new VmPlan(mode));
        await here.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages);
        var there = here.On(await bed.PlanAsync());
        var back = there.On(here);
        var runs = new List<GuestRunsEntry>();

        string Text(GuestRunsEntry entry) =>
            $"{(entry.Host == here.HostKey ? "here" : "there")} {VmEpoch.HandOvers(entry.Epoch)} {(entry.Runs ? "runs" : "stops")}";

        await MovesAsync(bed, here, there, runs);
        await MovesAsync(bed, there, back, runs);
        Assert.Equal(["here 1 runs", "here 1 stops", "there 2 runs", "there 2 runs", "there 2 stops", "here 3 runs"], runs.Select(Text));
        await back.DestroyAsync();
        await back.LeavesNothingAsync();
    }

    [Theory]
    [InlineData(PlacementMode.Spread, DirtyLogMode.Manual)]
    [InlineData(PlacementMode.Packed, DirtyLogMode.Ring)]
    public async Task In_post_copy_the_guest_runs_at_the_destination_and_its_pages_follow(PlacementMode placement, DirtyLogMode mode)
    {
        var bed = await clusters.BedAsync(placement);
        var here = await bed.RunAsync(new VmPlan(mode));
        var there = here.On(await bed.PlanAsync());
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Endless));
        await here.MigratesAsync(MigrationStatus.Active);
        Assert.True(await here.Grain.StartPostcopyAsync(bed.Next(OperationKind.Migration)));
        var outcome = await moving;
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        Assert.True(outcome.Info.PostcopyBytes > 0);
        var blocktime = outcome.Info.PostcopyBlocktime;
        Assert.Equal(VmPlan.DefaultVcpus, blocktime.VcpuMicroseconds.Count);
        Assert.InRange(blocktime.VcpuMicroseconds.Sum(), 1, VmPlan.DefaultVcpus * outcome.Info.TotalMicroseconds);
        Assert.InRange(blocktime.AllMicroseconds, 0, blocktime.VcpuMicroseconds.Min());
        Assert.Contains(MigrationStatus.PostcopyActive, outcome.Info.Steps.Select(step => step.Status));
        Assert.All(outcome.LastReports, report => Assert.Empty(report.Violations));
        await there.RunsOnAsync();
        Assert.True(await there.CountAsync(counters => counters.Host?.UserFaults) > 0, "no vCPU ever missed a page");
        await here.LeavesNothingAsync();
        await there.DestroyAsync();
        await there.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_cancelled_migration_leaves_the_source_as_it_was_and_the_VM_can_migrate_again()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet));
        var there = here.On(await bed.PlanAsync());
        var op = bed.Next(OperationKind.Migration);
        var moving = here.Grain.MigrateAsync(op, here.RequestTo(there, Endless));
        await here.MigratesAsync(MigrationStatus.Active);
        Assert.Equal(MemslotResult.Ok, await here.SetHotplugAsync(OperationKind.MemslotCreate, VmLayout.HotplugGfn, VmPlan.HotplugPages));
        Assert.Equal(-1, await here.DirtyLogAsync(DirtyLogStep.Enable));
        Assert.Equal(CancelCase.AtNextStep, await here.Grain.CancelMigrationAsync(bed.Next(OperationKind.Migration)));
        var outcome = await moving;
        Assert.Equal(MigrationStatus.Cancelled, outcome.Info.Status);
        Assert.Empty(outcome.LastReports);
        Assert.Equal(outcome.Info.Steps, (await here.Grain.MigrateAsync(op, here.RequestTo(there))).Info.Steps);
        await there.LeavesNothingAsync();
        await here.RunsOnAsync();

        var runs = new List<GuestRunsEntry>();
        var again = here.On(await bed.PlanAsync());
        await MovesAsync(bed, here, again, runs);
        await again.DestroyAsync();
        await again.LeavesNothingAsync();
    }

    [Fact]
    public async Task VMs_that_go_the_same_way_wait_for_each_other_on_the_link()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var first = await bed.RunAsync(new VmPlan(DirtyLogMode.InitiallySet, LinkBandwidth: 100_000));
        var second = first.Beside();
        await second.CreateAsync();
        await second.RunsOnAsync();
        var host = await bed.PlanAsync();
        var there = second.On(host);
        var endless = Endless with { MaxBandwidth = 0 };
        var moving = first.Grain.MigrateAsync(bed.Next(OperationKind.Migration), first.RequestTo(first.On(host), endless));
        await first.MigratesAsync(MigrationStatus.Active);

        // All the while the first one sends, too.
        var moved = await second.MigrateAsync(there, endless with { RoundsMax = 5, TimeoutAction = TimeoutAction.Suspend });
        Assert.Equal(MigrationStatus.Completed, moved.Info.Status);
        Assert.Equal(CancelCase.AtNextStep, await first.CancelMigrationAsync());
        var cancelled = (await moving).Info;
        Assert.Equal(MigrationStatus.Cancelled, cancelled.Status);
        Assert.All(
            (MigrationInfo[])[moved.Info, cancelled], info =>
                Assert.InRange(info.Rounds.Sum(round => round.LinkWaitMicroseconds), 1, info.TotalMicroseconds));
        await there.DestroyAsync();
        await there.LeavesNothingAsync();
        await first.DestroyAsync();
        await first.LeavesNothingAsync();
    }

    [Fact]
    public async Task A_VM_that_is_destroyed_while_it_migrates_is_nowhere()
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap));
        var there = here.On(await bed.PlanAsync());
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Endless));
        await here.MigratesAsync(MigrationStatus.Active);
        Assert.All(await here.DestroyAsync(), report => Assert.Empty(report.Violations));
        Assert.Equal(MigrationStatus.Cancelled, (await moving).Info.Status);
        await here.LeavesNothingAsync();
        await there.LeavesNothingAsync();
    }

    /// <summary>Slower than the guest writes: the migration goes on until it is ended.</summary>
    private static MigrationParameters Endless =>
        new() { MaxBandwidth = 100_000, DowntimeLimitMicroseconds = 0, BatchPages = 64, RoundsMax = 10_000 };

    private static async Task MovesAsync(ActorBed bed, BedVm from, BedVm to, List<GuestRunsEntry> runs)
    {
        var outcome = await from.Grain.MigrateAsync(bed.Next(OperationKind.Migration), from.RequestTo(to));
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        Assert.Equal([from.Key, $"{from.Key}/vcpu-0", $"{from.Key}/vcpu-1"], outcome.LastReports.Select(report => report.Actor));
        Assert.All(outcome.LastReports, report => Assert.Empty(report.Violations));
        Assert.All(outcome.LastReports, report => Assert.Null(report.Failure));
        var reports = await to.InspectAsync();
        runs.AddRange(outcome.LastReports.Concat(reports).SelectMany(report => report.GuestRuns)
            .OrderBy(entry => entry.MonotonicMicroseconds));
        await to.RunsOnAsync();
        await from.LeavesNothingAsync();
    }
}
