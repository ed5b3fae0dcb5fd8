using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Defects by which a VM runs in two places, each in an order of events that brings it to light: M2 finds it, from starts and stops or from
/// the guests' accesses, and without a defect the same order does no harm.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class OneOwnerMutantTests(ActorCollection.Clusters clusters)
{
    /// <summary>A round of pre-copy and then the hand-over, however much is left.</summary>
    private static MigrationParameters OneRound =>
        new() { DowntimeLimitMicroseconds = 0, BatchPages = 64, RoundsMax = 1, TimeoutAction = TimeoutAction.Suspend };

    [Theory]
    [InlineData("source-vcpus-run-on-silently")]
    [InlineData(Mutant.None)]
    public async Task vCPUs_that_run_on_at_the_source_are_found_though_it_says_nothing(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var closing = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.CloseStreamAsync));
        var moving = MigrateAsync(bed, here, there);
        await closing.ReachedAsync();
        var before = await AccessesAsync(bed, here);
        if (mutant is not null) await Until.HoldsAsync(() => AccessesAsync(bed, here), now => now > before, "accesses at the source");
        closing.Release();
        Assert.Equal(MigrationStatus.Completed, (await moving).Info.Status);
        await AssertFoundAsync(mutant, bed, here, there);
    }

    /// <summary>The request to take over comes when the source waits for the answer no more.</summary>
    [Theory]
    [InlineData("source-resumes-without-claim")]
    [InlineData(Mutant.None)]
    public async Task A_source_that_only_looks_up_the_owner_is_found_when_the_destination_takes_over_late(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var offered = new LateTakeOver(bed, there);
        using var abandoning = bed.Held.Hold(there.Key, nameof(IVmGrain.AbandonIncomingAsync));
        var moving = MigrateAsync(bed, here, there);
        await offered.LoseAsync();
        await abandoning.ReachedAsync();
        await offered.ArriveAsync();
        abandoning.Release();
        Assert.Equal(MigrationStatus.Failed, (await moving).Info.Status);
        await AssertFoundAsync(mutant, bed, here, there);
        await here.DestroyAsync();
    }

    /// <summary>The destination's grant is on its way when another inventory begins, which grants the VM to the source.</summary>
    [Theory]
    [InlineData("inventory-ignores-terms")]
    [InlineData(Mutant.None)]
    public async Task A_grant_of_an_inventory_that_was_replaced_makes_no_second_owner(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var offered = new LateTakeOver(bed, there);
        using var granted = bed.Held.Hold(there.HostKey, nameof(IHostOwnershipGrain.RecordAsync));
        using var abandoning = bed.Held.Hold(there.Key, nameof(IVmGrain.AbandonIncomingAsync));
        var moving = MigrateAsync(bed, here, there);
        await offered.ReachedAsync();
        var taking = offered.ArriveAsync();
        await granted.ReachedAsync();
        var term = await here.Ownership.TermAsync();
        await bed.ReplaceInventoryAsync();
        await offered.LoseAsync();
        await abandoning.ReachedAsync();
        Assert.True(await here.Ownership.TermAsync() > term, "no other inventory has begun");
        granted.Release();
        await taking;
        abandoning.Release();
        Assert.Equal(MigrationStatus.Failed, (await moving).Info.Status);
        await AssertFoundAsync(mutant, bed, here, there);
        await here.DestroyAsync();
    }

    [Theory]
    [InlineData("resumes-under-old-epoch")]
    [InlineData(Mutant.None)]
    public async Task vCPUs_that_run_on_under_the_epoch_that_is_over_are_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var held = await HeldMigration.OfferedAsync(bed, here, there);

        // The destination never heard that it was to take over, so the inventory gives the VM back under a new epoch.
        var info = (await held.LoseAsync()).Info;
        Assert.Equal((MigrationStatus.Failed, 2L), (info.Status, VmEpoch.HandOvers(info.Epoch)));
        var before = await AccessesAsync(bed, here);
        await Until.HoldsAsync(() => AccessesAsync(bed, here), now => now > before, "accesses after the hand-over failed");
        var found = bed.GuestRuns.Judge(here.Name).Select(violation => violation.Invariant).Distinct();
        Assert.Equal(mutant is null ? [] : [Invariants.OneOwner], found);
        await here.DestroyAsync();
    }

    private async Task<(ActorBed Bed, BedVm Here, BedVm There)> BeginAsync(Mutant? mutant)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, Mutant: mutant));
        return (bed, here, here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant))));
    }

    private static Task<MigrationOutcome> MigrateAsync(ActorBed bed, BedVm here, BedVm there) => here.MigrateAsync(there, OneRound);

    /// <summary>How many accesses the guests of the VM have made.</summary>
    private static async Task<long> AccessesAsync(ActorBed bed, BedVm vm)
    {
        var reports = await vm.Grain.InspectAsync(settled: false);
        bed.Take(reports);
        return reports.Sum(report => report.Counters.Vcpu?.Accesses ?? 0);
    }

    private static async Task AssertFoundAsync(Mutant? mutant, ActorBed bed, BedVm here, BedVm there)
    {
        bed.Take(await here.Grain.InspectAsync(settled: false));
        bed.Take(await there.Grain.InspectAsync(settled: false));
        var found = bed.GuestRuns.Judge(here.Name).Select(violation => violation.Invariant).Distinct();
        Assert.Equal(mutant is null ? [] : [Invariants.OneOwner], found);
        await there.DestroyAsync();
    }

    /// <summary>The request to take a VM over: it is lost for the source, and arrives when the test wants it to.</summary>
    private sealed class LateTakeOver : IDisposable
    {
        private readonly BedVm _there;
        private readonly HeldCall _held;
        private (OperationMessage Op, DeviceStateMessage State)? _request;

        public LateTakeOver(ActorBed bed, BedVm there)
        {
            _there = there;
            _held = bed.Held.Hold(there.Key, nameof(IVmGrain.TakeOverAsync), context =>
            {
                if (_request is not null) return false;
                _request = ((OperationMessage)context.Request.GetArgument(0)!, (DeviceStateMessage)context.Request.GetArgument(1)!);
                return true;
            });
        }

        public Task ReachedAsync() => _held.ReachedAsync();

        public async Task LoseAsync()
        {
            await ReachedAsync();
            _held.Lose();
        }

        public async Task ArriveAsync() => await _there.Grain.TakeOverAsync(_request!.Value.Op, _request.Value.State);

        public void Dispose() => _held.Dispose();
    }
}
