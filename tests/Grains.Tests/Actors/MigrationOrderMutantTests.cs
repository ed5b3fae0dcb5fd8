using System.Reflection;
using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Streams;
using Livebed.Kvm.Locks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Defects of migrations that only an order of events brings to light: a page is read, written, and what was read arrives. The order is
/// made, not waited for, by calls and chunks that are held; the check that the catalogue names finds the defect, and without one the same
/// order does no harm.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationOrderMutantTests(ActorCollection.Clusters clusters)
{
    private const int BatchPages = 64;

    /// <summary>A page that no guest touches, in the second batch.</summary>
    private const int IdlePage = 100;

    /// <summary>A round of pre-copy and then the hand-over, however much is left. The first batch is the guests' pages, the second the idle
    /// ones, the third the hot-plug area.</summary>
    private static MigrationParameters OneRound => new()
    {
        DowntimeLimitMicroseconds = 0,
        Channels = 2,
        BatchPages = BatchPages,
        RoundsMax = 1,
        TimeoutAction = TimeoutAction.Suspend,
    };

    [Theory]
    [InlineData("copy-before-clear")]
    [InlineData(Mutant.None)]
    public async Task A_write_between_read_and_clear_is_missed(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var sent = bed.Held.HoldAnswer(
            here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(here.Ram.Start + BatchPages));
        var moving = MigrateAsync(bed, here, there);
        await sent.ReachedAsync();
        Assert.True(await WriteAsync(bed, here));
        sent.Release();
        await AssertFoundAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData("final-sync-loses-page")]
    [InlineData(Mutant.None)]
    public async Task A_page_that_the_final_sync_loses_is_missed(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var sent = bed.Held.HoldAnswer(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(here.Ram.Start));
        var moving = MigrateAsync(bed, here, there);
        await sent.ReachedAsync();
        var findings = new Findings();
        await findings.ProgressAsync(here, BatchPages);
        sent.Release();
        await AssertFoundAsync(mutant, await moving, there, findings);
    }

    [Theory]
    [InlineData("final-sync-before-vcpus-left")]
    [InlineData(Mutant.None)]
    public async Task A_write_between_the_final_sync_and_the_last_vCPU_is_missed(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var sending = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(VmLayout.HotplugHva));
        using var written = bed.Held.Hold(here.HostKey, nameof(IHostPortGrain.WriteUserAsync));
        var moving = MigrateAsync(bed, here, there);
        await sending.ReachedAsync();
        var writing = WriteAsync(bed, here);
        await written.ReachedAsync();
        sending.Release();

        // KVM writes for a vCPU, which has not left KVM_RUN until that is done.
        var findings = new Findings();
        await findings.WaitsForAsync(here, LockClasses.VcpuMutex);
        written.Release();
        Assert.True(await writing);
        await AssertFoundAsync(mutant, await moving, there, findings);
    }

    [Theory]
    [InlineData("device-write-without-mark")]
    [InlineData("device-write-marks-wrong-address")]
    [InlineData(Mutant.None)]
    public async Task What_a_device_writes_to_a_page_that_was_sent_is_missed_without_its_mark(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var sent = bed.Held.HoldAnswer(
            here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(here.Ram.Start + BatchPages));
        var moving = MigrateAsync(bed, here, there);
        await sent.ReachedAsync();
        Assert.Equal(2, await DeviceWriteAsync(bed, here, pages: 2));
        sent.Release();
        await AssertFoundAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData("device-writes-after-final-sync")]
    [InlineData(Mutant.None)]
    public async Task The_final_sync_waits_for_a_device_that_still_writes(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var sending = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(VmLayout.HotplugHva));
        using var rest = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsSwitchover);
        using var written = bed.Held.Hold(here.HostKey, nameof(IHostPortGrain.WriteUserAsync));
        var moving = MigrateAsync(bed, here, there);
        await sending.ReachedAsync();
        var writing = DeviceWriteAsync(bed, here);
        await written.ReachedAsync();
        sending.Release();
        await here.MigratesAsync(MigrationStatus.Device);

        // What the guests wrote meanwhile is sent after the final sync, and that waits for the device.
        var sends = rest.ReachedAsync();
        if (mutant is not null) await sends;
        else Assert.False(sends.IsCompleted);
        written.Release();
        Assert.Equal(1, await writing);
        await sends;
        rest.Release();
        await AssertFoundAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData("no-round-barrier")]
    [InlineData(Mutant.None)]
    public async Task An_old_page_that_overtakes_a_new_one_is_noticed(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var old = bed.Relay.Hold(there.HostKey, chunk => IsFrom(chunk, 0, here.Ram.Start));
        using var next = bed.Held.Hold(
            here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(here.Ram.Start + BatchPages));
        var moving = MigrateAsync(bed, here, there);
        await old.ReachedAsync();
        await next.ReachedAsync();

        // Both channels are taken, so the round is not over; every page of the chunk that is on its way grows old.
        var findings = new Findings();
        await findings.ProgressAsync(here, BatchPages);
        var rest = old.AnsweredAsync(chunk => IsFrom(chunk, 0, VmLayout.HotplugHva));
        var newer = old.AnsweredAsync(
            chunk => chunk.Header.Round == 1 && PageChunk.HvaOf(chunk.Pages.Span[0]) < here.Ram.Start + BatchPages);
        next.Release();
        await rest;
        if (mutant is null)
            Assert.False(newer.IsCompleted, "a page of the next round was sent while one of this round was on its way");
        else await newer;
        old.Release();
        await AssertFoundAsync(mutant, await moving, there, findings);
        await newer;
    }

    [Theory]
    [InlineData("late-page-in-postcopy")]
    [InlineData(Mutant.None)]
    public async Task A_page_of_precopy_that_comes_in_postcopy_is_noticed(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        using var late = bed.Relay.Hold(there.HostKey, chunk => IsFrom(chunk, 0, here.Ram.Start));
        using var next = bed.Held.Hold(
            here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(here.Ram.Start + BatchPages));
        var moving = MigrateAsync(bed, here, there);
        await late.ReachedAsync();
        await next.ReachedAsync();
        var findings = new Findings();
        await findings.ProgressAsync(here, BatchPages);
        Assert.True(await here.Grain.StartPostcopyAsync(bed.Next(OperationKind.Migration)));
        next.Release();

        // As it should be the source waits for the chunk before it lets the destination run.
        await here.MigratesAsync(mutant is null ? MigrationStatus.Device : MigrationStatus.PostcopyActive);
        late.Release();
        await AssertFoundAsync(mutant, await moving, there, findings);
    }

    [Theory]
    [InlineData("clear-beyond-get")]
    [InlineData(Mutant.None)]
    public async Task A_write_beside_a_batch_that_is_about_to_be_cleared_is_not_lost(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant, idlePages: 2 * BatchPages);
        using var first = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(VmLayout.HotplugHva));
        using var second = bed.Held.Hold(here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), context => IsRound(context, 1));
        var moving = MigrateAsync(bed, here, there, OneRound with { RoundsMax = 2, Channels = 1 });

        // Every page has been sent; two batches of idle pages are dirty again when the round ends.
        await first.ReachedAsync();
        Assert.True(await WriteAsync(bed, here));
        Assert.True(await WriteAsync(bed, here, IdlePage + BatchPages));
        first.Release();

        // The one channel has the guests' pages, the next batch waits for it, and the last one has still to be cleared.
        await second.ReachedAsync();
        Assert.True(await WriteAsync(bed, here, IdlePage + BatchPages + 1));
        second.Release();
        await AssertFoundAsync(mutant, await moving, there);
    }

    [Theory]
    [InlineData("retry-keeps-old-dirty-set")]
    [InlineData(Mutant.None)]
    public async Task A_migration_after_one_that_was_cancelled_sends_every_page(string name)
    {
        var mutant = Findings.MutantOf(name);
        var (bed, here, there) = await BeginAsync(mutant);
        Assert.True(await WriteAsync(bed, here));
        using var sent = bed.Held.HoldAnswer(
            here.HostKey, nameof(IHostStreamsGrain.SendPagesAsync), IsFirstRoundFrom(here.Ram.Start + BatchPages));
        var moving = MigrateAsync(bed, here, there);
        await sent.ReachedAsync();
        await here.CancelMigrationAsync();
        sent.Release();
        Assert.Equal(MigrationStatus.Cancelled, (await moving).Info.Status);
        var next = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        await AssertFoundAsync(mutant, await MigrateAsync(bed, here, next), next);
    }

    [Fact]
    public void Every_defect_of_migrations_is_looked_for_on_a_cluster()
    {
        var tested = GetType().Assembly.GetTypes().SelectMany(type => type.GetMethods())
            .SelectMany(method => method.GetCustomAttributes<InlineDataAttribute>().SelectMany(data => data.GetData(method)))
            .SelectMany(row => row).OfType<string>().ToHashSet();
        Mutant[] others = [Mutant.GetLogWithoutProtect, Mutant.AllSetClearDoesNotProtect, Mutant.LogFlushSkipped,
            Mutant.RingResetWithoutProtect, Mutant.CopyBeforeClear, Mutant.FinalSyncBeforeVcpusLeft];

        // In a cluster a defect is one VM's, and the inventory that would have the first serves all VMs. The others need a scene whose
        // guest's program, devices and memslots are known to the end, two that wait at one moment, a clock that only waits move, a host
        // that is given up and lives, a migration that has to complete, two lost offers around the death of an inventory, two migrations
        // of one VM that overlap, or a call that arrives long after it was made. They belong to the explorer.
        Mutant[] explorers =
        [
            Mutant.LastReportWins, Mutant.VcpuStateLosesAccess, Mutant.HandOverDropsReadOnly, Mutant.DrainWakesOne, Mutant.StaleEpochRunsOn,
            Mutant.InventoryDoesNotWait, Mutant.EndsWithoutStatus, Mutant.LinkTwiceAsFast, Mutant.DowntimeLimitIgnored,
            Mutant.RepeatedCompareCounts, Mutant.FullHostPrepares, Mutant.SourceLetsGoUnanswered,
            Mutant.ReleasesNewerRecord, Mutant.MigrationJoinsLogStep, Mutant.OlderGrantRecorded, Mutant.LateRecordComesBack,
            Mutant.ClaimantTakesAnyEpoch, Mutant.LostLogNotSeen, Mutant.StateSavedBeforePause, Mutant.DevicesStayStopped,
        ];
        var expected = Mutant.All.Where(entry => entry.Scenario.StartsWith("migration-", StringComparison.Ordinal))
            .Except(explorers).Concat(others).Select(mutant => mutant.Name);
        Assert.Empty(expected.Except(tested));
    }

    private async Task<(ActorBed Bed, BedVm Here, BedVm There)> BeginAsync(Mutant? mutant, int idlePages = BatchPages)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(DirtyLogMode.Manual, IdlePages: idlePages, Mutant: mutant));
        return (bed, here, here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant))));
    }

    private static Task<MigrationOutcome> MigrateAsync(ActorBed bed, BedVm here, BedVm there, MigrationParameters? parameters = null) =>
        here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, parameters ?? OneRound)).AsTask();

    private static Task<bool> WriteAsync(ActorBed bed, BedVm vm, int page = IdlePage) =>
        vm.Grain.SoftwareWriteAsync(bed.Next(OperationKind.SoftwareWrite), VmLayout.RamGfn + page).AsTask();

    private static Task<int> DeviceWriteAsync(ActorBed bed, BedVm vm, int pages = 1) =>
        vm.Grain.DeviceWriteAsync(bed.Next(OperationKind.DeviceWrite), VmLayout.RamGfn + IdlePage, pages).AsTask();

    /// <summary>The VM has moved, and its guests have looked at all of their memory since.</summary>
    private static async Task AssertFoundAsync(Mutant? mutant, MigrationOutcome outcome, BedVm there, Findings? sofar = null)
    {
        var findings = sofar ?? new Findings();
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        findings.Take(outcome.LastReports);
        await findings.ProgressAsync(there, BatchPages);
        await findings.InspectWithHostAsync(there);
        findings.AssertFound(mutant, Invariants.SameMemory, Invariants.GuestMemory);
        await there.DestroyAsync();
    }

    private static Func<IIncomingGrainCallContext, bool> IsFirstRoundFrom(Hva start) =>
        context =>
            context.Request.GetArgument(2) is BatchMessage { Phase: StreamPhase.Precopy, Round: 0 } batch
                && batch.Pages.Range.Start == start;

    private static bool IsSwitchover(IIncomingGrainCallContext context) =>
        context.Request.GetArgument(2) is BatchMessage { Phase: StreamPhase.Switchover };

    private static bool IsRound(IIncomingGrainCallContext context, int round) =>
        context.Request.GetArgument(2) is BatchMessage { Phase: StreamPhase.Precopy } batch && batch.Round == round;

    private static bool IsFrom(PageChunk chunk, int round, Hva start) =>
        chunk.Header.Round == round && PageChunk.HvaOf(chunk.Pages.Span[0]) == start;
}
