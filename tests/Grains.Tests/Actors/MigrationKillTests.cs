using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The source's or the destination's machine dies in every status of a migration, which is held there. Before switchover the source goes
/// on, after it the destination; in post-copy the loss is reported as the loss it is; the VM never runs twice; nothing is left of a side
/// that cannot go on; and the oracle of guest memory, which is asked with every report, finds no lost write. Each test has a cluster of its
/// own to break: host i is on silo i with its VMs, the primary silo cannot die, and the inventory is on silo 2.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationKillTests
{
    private const int Mortal = 1;

    public static TheoryData<MigrationStatus> Statuses =>
        [.. Enum.GetValues<MigrationStatus>().Where(status => status != MigrationStatus.None)];

    /// <summary>What becomes of the VM.</summary>
    private enum Fate
    {
        RunsHere,
        RunsThere,

        /// <summary>Gone with the machine that it was on, whole.</summary>
        Died,

        /// <summary>Each side had pages that the other had not.</summary>
        Lost,
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task The_destination_goes_on_or_goes_away_when_the_source_dies(MigrationStatus status)
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 3, silosDie: true);
        var (here, there) = await PairAsync(bed, mortalIsSource: true);
        using var held = await HeldMigration.AtAsync(bed, here, there, status);
        await SourceDiesAsync(bed, here, there, held, status switch
        {
            MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device => Fate.Died,
            MigrationStatus.Cancelling or MigrationStatus.Cancelled or MigrationStatus.Failed => Fate.Died,
            MigrationStatus.PostcopyActive or MigrationStatus.PostcopyPaused or MigrationStatus.PostcopyRecover => Fate.Lost,
            MigrationStatus.Completed => Fate.RunsThere,
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, "the expected fate of the VM is not in this table"),
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_destination_goes_on_when_the_source_dies_that_has_asked_it_to_take_over(bool hasClaimed)
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 3, silosDie: true);
        var (here, there) = await PairAsync(bed, mortalIsSource: true);
        using var held = hasClaimed
            ? await HeldMigration.ClaimedAsync(bed, here, there)
            : await HeldMigration.OfferedAsync(bed, here, there);
        await SourceDiesAsync(bed, here, there, held, Fate.RunsThere);
    }

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task The_source_goes_on_or_says_what_is_lost_when_the_destination_dies(MigrationStatus status)
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 3, silosDie: true);
        var (here, there) = await PairAsync(bed, mortalIsSource: false);
        using var held = await HeldMigration.AtAsync(bed, here, there, status);
        await DestinationDiesAsync(bed, here, there, held, status switch
        {
            MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device or MigrationStatus.Failed =>
                (MigrationStatus.Failed, Fate.RunsHere),
            MigrationStatus.Cancelling or MigrationStatus.Cancelled => (MigrationStatus.Cancelled, Fate.RunsHere),
            MigrationStatus.PostcopyActive or MigrationStatus.PostcopyPaused or MigrationStatus.PostcopyRecover =>
                (MigrationStatus.Failed, Fate.Lost),
            MigrationStatus.Completed => (MigrationStatus.Completed, Fate.Died),
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, "the expected fate of the VM is not in this table"),
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Whose_the_VM_is_when_the_destination_dies_that_was_asked_to_take_over_the_inventory_says(bool hasClaimed)
    {
        await using var bed = await ActorBed.StartAsync(PlacementMode.Packed, silos: 3, silosDie: true);
        var (here, there) = await PairAsync(bed, mortalIsSource: false);
        using var held = hasClaimed
            ? await HeldMigration.ClaimedAsync(bed, here, there)
            : await HeldMigration.OfferedAsync(bed, here, there);
        await DestinationDiesAsync(
            bed, here, there, held, hasClaimed ? (MigrationStatus.Completed, Fate.Died) : (MigrationStatus.Failed, Fate.RunsHere));
    }

    private static async Task<(BedVm Here, BedVm There)> PairAsync(ActorBed bed, bool mortalIsSource)
    {
        var plan = new VmPlan(DirtyLogMode.InitiallySet);
        var idle = mortalIsSource ? await bed.PlanAsync() : null;
        var here = await bed.RunAsync(plan);
        var there = here.On(idle ?? await bed.PlanAsync());
        Assert.Equal(mortalIsSource ? here.HostKey : there.HostKey, ActorKeys.Host(Mortal));
        return (here, there);
    }

    private static async Task SourceDiesAsync(ActorBed bed, BedVm here, BedVm there, HeldMigration held, Fate fate)
    {
        await here.InspectAsync();
        await bed.KillHostAsync(here.HostKey);

        // The test does not wait for the outcome, because the grain that would return it is dead. Held calls of the destination continue.
        held.Dispose();
        if (fate == Fate.RunsThere)
        {
            await there.RunsOnAsync();
            Assert.Equal(there.HostKey, bed.GuestRuns.RunsAt(here.Name));
            Assert.Equal((there.HostKey, 2), await OwnerAsync(bed, here.Name));
            await MigratesOnAsync(bed, there);
            return;
        }

        await there.ComesToNothingAsync();
        await there.InspectAsync();
        Assert.Null(bed.GuestRuns.RunsAt(here.Name));
        Assert.Equal(fate == Fate.Lost ? ("", 0) : (here.HostKey, 1), await OwnerAsync(bed, here.Name));
        Assert.Equal(
            fate == Fate.Lost,
            bed.History.Any(entry => entry.Type == "fail" && entry.Value!.Contains("the guest is lost", StringComparison.Ordinal)));
    }

    private static async Task DestinationDiesAsync(
        ActorBed bed, BedVm here, BedVm there, HeldMigration held, (MigrationStatus Status, Fate Fate) expected)
    {
        await bed.KillHostAsync(there.HostKey);
        held.Dispose();
        var outcome = await held.Outcome;
        Assert.Equal(expected.Status, outcome.Info.Status);
        Assert.Equal(expected.Fate == Fate.Lost, outcome.Info.Reason.Contains("the guest is lost", StringComparison.Ordinal));
        if (expected.Fate == Fate.RunsHere)
        {
            await here.RunsOnAsync();
            Assert.Equal(here.HostKey, bed.GuestRuns.RunsAt(here.Name));
            await MigratesOnAsync(bed, here);
            return;
        }

        Assert.All(await here.DestroyAsync(), report => Assert.Empty(report.Violations));
        await here.LeavesNothingAsync();
        Assert.Null(bed.GuestRuns.RunsAt(here.Name));
    }

    /// <summary>To a machine that lives, as the next one does.</summary>
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

    private static async Task<(string Host, long HandOvers)> OwnerAsync(ActorBed bed, string vm)
    {
        var owner = await bed.Grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory).FindAsync(vm);
        return (owner.Host, VmEpoch.HandOvers(owner.Epoch));
    }
}
