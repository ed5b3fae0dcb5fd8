using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The inventory's silo dies while a VM migrates: the VM never runs twice, and runs on. Each test has a cluster of its own to break: host i is on silo i, with its VMs, and the inventory
/// on silo 2.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationLossTests
{
    private static MigrationParameters Endless => new() { MaxBandwidth = 100_000, DowntimeLimitMicroseconds = 0, BatchPages = 64, RoundsMax = 10_000 };

    [Fact]
    public async Task An_inventory_that_dies_during_a_migration_is_made_anew_and_there_is_one_owner()
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 3, silosDie: true);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Ring));
        var there = here.On(await bed.PlanAsync());
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Endless));
        await here.MigratesAsync(MigrationStatus.Active);
        Assert.Equal(1, await here.Host.TermAsync());
        await bed.KillSiloAsync(2);
        Assert.True(await here.Grain.StartPostcopyAsync(bed.Next(OperationKind.Migration)));
        var outcome = await moving;
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        Assert.Equal((2, 2), (await here.Host.TermAsync(), await there.Host.TermAsync()));
        var check = new OneOwnerCheck();
        var runs = outcome.LastReports.Concat(await there.InspectAsync()).SelectMany(report => report.GuestRuns).OrderBy(entry => entry.UnixMicroseconds).ToList();
        Assert.Equal(2, runs.Max(entry => entry.Epoch));
        Assert.All(runs, entry => Assert.Null(check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs)));
        await there.RunsOnAsync();
        Assert.All(await there.DestroyAsync(), report => Assert.Empty(report.Violations));
        await here.LeavesNothingAsync();
        await there.LeavesNothingAsync();
    }

    [Fact]
    public async Task Two_inventories_that_begin_at_once_do_not_share_a_term()
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 2);
        var vm = await bed.PlanAsync();
        Assert.NotNull(await vm.Host.ReportTenancyAsync(1));
        Assert.Null(await vm.Host.ReportTenancyAsync(1));
        Assert.Equal(OwnershipStatus.Granted, (await Inventory(bed).RegisterAsync("vm-a", vm.HostKey)).Status);
        Assert.Equal(2, await vm.Host.TermAsync());
        Assert.False(await vm.Host.TryTakeAsync("vm-a", new Ownership(OwnershipStatus.Granted, vm.HostKey, 1, Term: 1)));
        Assert.True(await vm.Host.TryTakeAsync("vm-a", new Ownership(OwnershipStatus.Granted, vm.HostKey, 1, Term: 2)));
    }

    private static IInventoryGrain Inventory(ActorBed bed) => bed.Grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory);

    private static async Task<(string Host, long Epoch)> OwnerAsync(ActorBed bed, string vm)
    {
        var owner = await Inventory(bed).FindAsync(vm);
        return (owner.Host, owner.Epoch);
    }
}
