using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The inventory's machine dies in every status of a migration, which is held there, and neither side is on that machine. The migration
/// ends as it would have ended, the VM runs in one place under one owner, and the new inventory knows the owner. The inventory also dies
/// together with a side during the hand-over, when only it knows the owner. The tests have one cluster to break: every test kills the last
/// silo that is left, which has the inventory, and the surviving hosts are on the first two.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class InventoryKillTests(InventoryKillTests.MortalCluster cluster) : IClassFixture<InventoryKillTests.MortalCluster>
{
    private const int Others = 9;

    public static TheoryData<MigrationStatus> Statuses =>
        [.. Enum.GetValues<MigrationStatus>().Where(status => status != MigrationStatus.None)];

    [Theory]
    [MemberData(nameof(Statuses))]
    public async Task A_migration_ends_as_it_would_have_when_the_inventory_dies(MigrationStatus status)
    {
        var (bed, here, there) = await PairAsync();
        using var held = await HeldMigration.AtAsync(bed, here, there, status, isPatient: true);
        await InventoryDiesAsync(bed, here, there, held, status switch
        {
            MigrationStatus.Setup or MigrationStatus.Active or MigrationStatus.Device or MigrationStatus.Completed =>
                MigrationStatus.Completed,
            MigrationStatus.PostcopyActive or MigrationStatus.PostcopyPaused or MigrationStatus.PostcopyRecover =>
                MigrationStatus.Completed,
            MigrationStatus.Cancelling or MigrationStatus.Cancelled => MigrationStatus.Cancelled,
            MigrationStatus.Failed => MigrationStatus.Failed,
            _ => throw new ArgumentOutOfRangeException(nameof(status), status, "the expected end of such a migration is not in this table"),
        });
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_destination_takes_over_as_it_was_asked_to_when_the_inventory_dies(bool hasClaimed)
    {
        var (bed, here, there) = await PairAsync();
        using var held = await HandingOverAsync(bed, here, there, hasClaimed);
        await InventoryDiesAsync(bed, here, there, held, MigrationStatus.Completed);
    }

    [Fact]
    public async Task A_migration_under_way_goes_on_when_the_inventory_dies()
    {
        var (bed, here, there) = await PairAsync();
        var moving = here.MigrateAsync(
            there, new MigrationParameters { MaxBandwidth = 100_000, DowntimeLimitMicroseconds = 0, BatchPages = 64, RoundsMax = 10_000 });
        await here.MigratesAsync(MigrationStatus.Active);
        var term = await here.Ownership.TermAsync();
        await bed.KillSiloAsync(bed.LastSilo);
        Assert.True(await here.Grain.StartPostcopyAsync(bed.Next(OperationKind.Migration)));
        Assert.Equal(MigrationStatus.Completed, (await moving).Info.Status);
        await StandsAsync(bed, there, here, term, handOvers: 2);
    }

    /// <summary>No surviving host has ever owned the VM, unless the destination has claimed it.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_VM_dies_with_its_source_and_the_inventory_unless_the_destination_has_claimed_it(bool hasClaimed)
    {
        var bed = await cluster.BedAsync();
        var here = await ActorBed.RunAsync(bed.PlanOnAsync(bed.LastSilo, Plan));
        var there = here.On(await bed.PlanOnAsync(0));
        using var held = await HandingOverAsync(bed, here, there, hasClaimed);
        var term = await there.Ownership.TermAsync();
        await here.InspectAsync();
        await bed.KillHostAsync(here.HostKey);
        held.Dispose();
        if (hasClaimed) await there.RunsOnAsync();
        else await there.ComesToNothingAsync();
        await OwnsAsync(bed, there, term, hasClaimed ? (there.HostKey, 2) : ("", 0));
        Assert.Equal(hasClaimed ? there.HostKey : null, bed.GuestRuns.RunsAt(here.Name));
        if (hasClaimed) await MigratesOnAsync(bed, there);
    }

    /// <summary>No surviving host knows of the destination's claim, and the VM does not run there any more.</summary>
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_source_goes_on_when_the_destination_and_the_inventory_die(bool hasClaimed)
    {
        var bed = await cluster.BedAsync();
        var here = await ActorBed.RunAsync(bed.PlanOnAsync(0, Plan));
        var there = here.On(await bed.PlanOnAsync(bed.LastSilo));
        using var held = await HandingOverAsync(bed, here, there, hasClaimed);
        var term = await here.Ownership.TermAsync();
        await bed.KillHostAsync(there.HostKey);
        held.Dispose();
        var outcome = await held.Outcome;
        Assert.Equal((MigrationStatus.Failed, 2), (outcome.Info.Status, VmEpoch.HandOvers(outcome.Info.Epoch)));
        await here.RunsOnAsync();
        await OwnsAsync(bed, here, term, (here.HostKey, 2));
        Assert.Equal(here.HostKey, bed.GuestRuns.RunsAt(here.Name));
        await MigratesOnAsync(bed, here);
    }

    [Fact]
    public async Task An_inventory_whose_questions_were_cancelled_asks_again()
    {
        var (bed, here, there) = await PairAsync();
        await OwnerAsync(bed, here);
        var term = await here.Ownership.TermAsync();
        await bed.KillSiloAsync(bed.LastSilo);
        bed.Losses.Lose(here.HostKey, nameof(IHostOwnershipGrain.TermAsync), new OperationCanceledException("the members have changed"));
        await OwnsAsync(bed, here, term, ("", 0));
        Assert.True(bed.Losses.AreLost, "no host was asked for the term");
        Assert.Equal(MigrationStatus.Completed, (await here.MigrateAsync(there)).Info.Status);
        Assert.All(await there.DestroyAsync(), report => Assert.Empty(report.Violations));
    }

    [Fact]
    public async Task A_migration_to_a_machine_that_has_died_fails_and_the_VM_runs_on()
    {
        var bed = await cluster.BedAsync();
        var here = await ActorBed.RunAsync(bed.PlanOnAsync(0, Plan));
        var there = here.On(await bed.PlanOnAsync(bed.LastSilo));
        await bed.KillHostAsync(there.HostKey);
        var outcome = await here.MigrateAsync(there);
        Assert.Equal((MigrationStatus.Failed, "the destination did not prepare: Refused"), (outcome.Info.Status, outcome.Info.Reason));
        await here.RunsOnAsync();
        await there.LeavesNoActivationAsync();
        await MigratesOnAsync(bed, here);
    }

    private static VmPlan Plan => new(DirtyLogMode.InitiallySet);

    private static Task<HeldMigration> HandingOverAsync(ActorBed bed, BedVm here, BedVm there, bool hasClaimed) =>
        hasClaimed ? HeldMigration.ClaimedAsync(bed, here, there) : HeldMigration.OfferedAsync(bed, here, there);

    private async Task<(ActorBed Bed, BedVm Here, BedVm There)> PairAsync()
    {
        var bed = await cluster.BedAsync();
        var here = await ActorBed.RunAsync(bed.PlanOnAsync(0, Plan));
        return (bed, here, here.On(await bed.PlanOnAsync(1)));
    }

    private static async Task InventoryDiesAsync(ActorBed bed, BedVm here, BedVm there, HeldMigration held, MigrationStatus end)
    {
        var term = await here.Ownership.TermAsync();
        await bed.KillSiloAsync(bed.LastSilo);
        var outcome = await held.ReleaseAsync();
        Assert.Equal(end, outcome.Info.Status);
        if (end == MigrationStatus.Completed) await StandsAsync(bed, there, here, term, handOvers: 2);
        else await StandsAsync(bed, here, there, term, handOvers: 1);
    }

    /// <summary>The VM runs on the one side and always ran on one, nothing of it is on the other, and it can go on from there.</summary>
    private static async Task StandsAsync(ActorBed bed, BedVm home, BedVm away, long termBefore, long handOvers)
    {
        await home.RunsOnAsync();
        await away.LeavesNothingAsync();
        await OwnsAsync(bed, home, termBefore, (home.HostKey, handOvers));
        Assert.Equal(home.HostKey, bed.GuestRuns.RunsAt(home.Name));
        await MigratesOnAsync(bed, home);
    }

    /// <summary>As a new inventory has it, one of a later term.</summary>
    private static async Task OwnsAsync(ActorBed bed, BedVm home, long termBefore, (string Host, long HandOvers) expected)
    {
        var owner = await OwnerAsync(bed, home);
        Assert.Equal(expected, (owner.Host, VmEpoch.HandOvers(owner.Epoch)));
        Assert.True(owner.Term > termBefore, $"the inventory of term {owner.Term} is not a new one");
        Assert.Equal(owner.Term, await home.Ownership.TermAsync());
    }

    /// <summary>While a silo dies a call may go unanswered, and is made again.</summary>
    private static Task<Ownership> OwnerAsync(ActorBed bed, BedVm vm) => Until.HoldsAsync(
        async () =>
            await GrainCall.OrLostAsync(Ownership.Lost, () => bed.Grains.GetGrain<IInventoryGrain>(ActorKeys.Inventory).FindAsync(vm.Name)),
        owner => owner.Status != OwnershipStatus.Lost, "an answer of the inventory");

    private static async Task MigratesOnAsync(ActorBed bed, BedVm vm)
    {
        var next = vm.On(await bed.PlanOnAsync(vm.HostKey == ActorKeys.Host(0) ? 1 : 0));
        var outcome = await vm.MigrateAsync(next);
        Assert.Equal(("", MigrationStatus.Completed), (outcome.Info.Reason, outcome.Info.Status));
        await next.RunsOnAsync();
        await vm.LeavesNothingAsync();
        Assert.Equal(next.HostKey, bed.GuestRuns.RunsAt(vm.Name));
        Assert.All(await next.DestroyAsync(), report => Assert.Empty(report.Violations));
        await next.LeavesNothingAsync();
    }

    /// <summary>A cluster with a silo to lose for every test.</summary>
    public sealed class MortalCluster : IAsyncLifetime
    {
        private ActorBed? _bed;

        public Task InitializeAsync() => Task.CompletedTask;

        public async Task DisposeAsync()
        {
            if (_bed is not null) await _bed.DisposeAsync();
        }

        internal async Task<ActorBed> BedAsync() =>
            _bed ??= await ActorBed.StartAsync(PlacementMode.Packed, silos: 2 + Statuses.Count + Others, silosDie: true);
    }
}
