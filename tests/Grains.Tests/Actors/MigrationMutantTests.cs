using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// The defects of migrations that show after their end are caught in the cluster too, by the check that the catalogue names, and without
/// them nothing is. Those of pages are in <see cref="MigrationOrderMutantTests"/> and <see cref="DirtyTrackingMutantTests"/>.
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
    [InlineData("cancel-keeps-throttle")]
    [InlineData(Mutant.None)]
    public async Task A_throttle_that_a_cancel_leaves_is_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, Slow));
        await Until.HoldsAsync(async () => await here.Grain.MigrationInfoAsync(), info => info?.CpuThrottlePercentage > 0, "a throttle");
        await Until.HoldsAsync(
            async () => SleptOf(await here.Grain.InspectAsync(settled: false)).Sum(), slept => slept > 0, "a vCPU that sleeps");
        await here.Grain.CancelMigrationAsync(bed.Next(OperationKind.Migration));
        var info = (await moving).Info;
        Assert.Equal(MigrationStatus.Cancelled, info.Status);

        // What the throttle cost each vCPU is said: as much as the vCPUs have counted, but for what they slept afterwards.
        var reports = await here.Grain.InspectAsync(settled: false);
        var slept = SleptOf(reports);
        Assert.Equal(slept.Count, info.VcpuThrottledMicroseconds.Count);
        Assert.InRange(info.VcpuThrottledMicroseconds.Sum(), 1, slept.Sum());
        Assert.Equal(mutant is null ? [] : [Invariants.SourceRestored], await CaughtAsync(reports, here));
        await here.DestroyAsync();
    }

    [Theory]
    [InlineData("both-run-after-failed-hand-over")]
    [InlineData(Mutant.None)]
    public async Task A_source_that_runs_on_although_the_destination_runs_is_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        bed.Losses.Lose(there.Key, nameof(IVmGrain.TakeOverAsync));
        var outcome = await here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there));

        // Without the defect the source asks the inventory, and hears that the VM has moved.
        Assert.Equal(mutant is null ? MigrationStatus.Completed : MigrationStatus.Failed, outcome.Info.Status);
        var reports = outcome.LastReports.Concat(await here.Grain.InspectAsync(settled: false))
            .Concat(await there.Grain.InspectAsync(settled: false));
        var check = new OneOwnerCheck();
        var caught = reports.SelectMany(report => report.GuestRuns).OrderBy(entry => entry.MonotonicMicroseconds)
            .Select(entry => check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs)?.Invariant).OfType<string>();
        Assert.Equal(mutant is null ? [] : [Invariants.OneOwner], caught);
        await there.DestroyAsync();
        await here.DestroyAsync();
    }

    [Theory]
    [InlineData("not-resumed-after-hand-over")]
    [InlineData(Mutant.None)]
    public async Task A_source_that_gets_the_VM_back_and_does_not_run_it_is_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Bitmap, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        using var held = await HeldMigration.OfferedAsync(bed, here, there);
        var info = (await held.LoseAsync()).Info;

        // The destination never heard that it was to take over, so the inventory gives the VM back, defect or not.
        Assert.Equal((MigrationStatus.Failed, 2L), (info.Status, VmEpoch.HandOvers(info.Epoch)));
        var check = new RunsSomewhereCheck(toleranceMicroseconds: 1_000);
        var runs = (await here.Grain.InspectAsync(settled: false))
            .SelectMany(report => report.GuestRuns).OrderBy(entry => entry.MonotonicMicroseconds).ToList();
        Assert.All(runs, entry => Assert.Null(check.Note(entry.Vm, entry.Host, entry.Epoch, entry.Runs, entry.MonotonicMicroseconds)));
        var violation = check.Ended(here.Name, there.HostKey, info, long.MaxValue, allIsNoted: true);
        Assert.Equal(mutant is null ? null : Invariants.RunsSomewhere, violation?.Invariant);
        await here.DestroyAsync();
    }

    [Theory]
    [InlineData("cancel-keeps-logging")]
    [InlineData(Mutant.None)]
    public async Task Logging_that_a_cancel_leaves_on_is_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        using var held = await HeldMigration.AtAsync(bed, here, there, MigrationStatus.Active);
        await here.CancelMigrationAsync();
        Assert.Equal(MigrationStatus.Cancelled, (await held.ReleaseAsync()).Info.Status);
        Assert.Equal(mutant is null ? [] : [Invariants.SourceRestored], await CaughtAsync([], here));
        await here.DestroyAsync();
    }

    [Theory]
    [InlineData("source-keeps-memory")]
    [InlineData(Mutant.None)]
    public async Task Memory_that_a_source_keeps_after_its_VM_has_moved_is_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        var outcome = await here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there));
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        var findings = new Findings();
        findings.Take(outcome.LastReports);
        findings.AssertFound(mutant);
        await there.DestroyAsync();
    }

    [Theory]
    [InlineData("no-command-drain")]
    [InlineData(Mutant.None)]
    public async Task A_teardown_that_does_not_wait_for_a_command_is_found(string name)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, Mutant: mutant));
        using var copying = bed.Held.Hold(here.HostKey, nameof(IHostPortGrain.CopyPagesAsync));
        var enabling = here.Grain.DirtyLogAsync(bed.Next(OperationKind.DirtyLogEnable), DirtyLogStep.Enable).AsTask();
        await copying.ReachedAsync();
        var destroying = here.DestroyAsync();

        // With the defect it comes to its end beside the command, which holds the BQL between two ioctls.
        var findings = new Findings();
        if (mutant is not null) findings.Take(await destroying);
        copying.Release();
        await enabling;
        if (mutant is null) findings.Take(await destroying);
        findings.AssertFound(mutant);
    }

    private static List<long> SleptOf(IEnumerable<ActorReport> reports) =>
        [.. reports.Where(report => report.Counters.Vcpu is not null)
            .Select(report => report.Counters.Vcpu!.ThrottleMicroseconds)];

    private static async Task<string[]> CaughtAsync(IEnumerable<ActorReport> last, BedVm vm)
    {
        var host = await vm.Host.InspectAsync();
        ActorReport[] reports = [.. last, host, .. host.LastOfOthers, .. await vm.Grain.InspectAsync(settled: false)];
        return [
            .. reports.SelectMany(report => report.Violations)
                .Select(violation => violation.Invariant).Distinct().Order(StringComparer.Ordinal)];
    }
}
