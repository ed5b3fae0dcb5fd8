using Livebed.Grains.Actors;
using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Dirty bits are taken without making later writes trap again, in each of the ways of KVM to log: a migration reports <i>completed</i> and
/// the guest at the destination is corrupt, as has been in the field. The check that the catalogue names finds it, and without a defect the
/// same migration is clean.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class DirtyTrackingMutantTests(ActorCollection.Clusters clusters)
{
    private const string Send = nameof(IHostStreamsGrain.SendPagesAsync);
    private const int BatchPages = 64;

    /// <summary>So that the second vCPU's pages are the third batch, and some of the first one's the first.</summary>
    private const int PagesPerVcpu = 96;

    [Theory]
    [InlineData("get-log-without-protect", DirtyLogMode.Bitmap)]
    [InlineData("get-log-without-protect", DirtyLogMode.Manual)]
    [InlineData("log-flush-skipped", DirtyLogMode.Bitmap)]
    [InlineData("all-set-clear-does-not-protect", DirtyLogMode.InitiallySet)]
    [InlineData("ring-reset-without-protect", DirtyLogMode.Ring)]
    [InlineData(Mutant.None, DirtyLogMode.Bitmap)]
    [InlineData(Mutant.None, DirtyLogMode.Manual)]
    [InlineData(Mutant.None, DirtyLogMode.InitiallySet)]
    [InlineData(Mutant.None, DirtyLogMode.Ring)]
    public async Task Writes_that_do_not_trap_after_their_bits_were_taken_are_missed(string name, DirtyLogMode log)
    {
        var mutant = Findings.MutantOf(name);
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(log, PagesPerVcpu: PagesPerVcpu, AccessesPerSecond: 20_000, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));
        var clearsByHand = log is DirtyLogMode.Manual or DirtyLogMode.InitiallySet;
        var parameters = new MigrationParameters
        {
            DowntimeLimitMicroseconds = 0,
            Channels = 1,
            BatchPages = BatchPages,
            RoundsMax = clearsByHand ? 1 : 2,
            TimeoutAction = TimeoutAction.Suspend,
        };

        // Every page is written before its bit is taken, so that it needs no fault to be written again, and once more after it was read.
        // User space that clears by hand does so before it reads, and waits with the third batch for the only channel; else the bits are
        // taken between two rounds.
        using var before = clearsByHand
            ? bed.Held.Hold(here.HostKey, Send, IsBatch(here, 0, 0))
            : bed.Held.HoldAnswer(here.HostKey, Send, IsBatch(here, 0, 0));
        using var after = clearsByHand
            ? bed.Held.HoldAnswer(here.HostKey, Send, IsBatch(here, 0, 2))
            : bed.Held.HoldAnswer(here.HostKey, Send, IsBatch(here, 1, 0));
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, parameters)).AsTask();
        var findings = new Findings();
        foreach (var held in new[] { before, after })
        {
            await held.ReachedAsync();
            await findings.ProgressAsync(here, PagesPerVcpu);
            held.Release();
        }

        var outcome = await moving;
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        findings.Take(outcome.LastReports);
        await findings.InspectWithHostAsync(there);
        findings.AssertFound(mutant, Invariants.SameMemory, Invariants.GuestMemory);
        await there.DestroyAsync();
    }
    private static Func<IIncomingGrainCallContext, bool> IsBatch(BedVm vm, int round, int batch) =>
        context =>
            context.Request.GetArgument(2) is BatchMessage message && message.Round == round
                && message.Pages.Range.Start == vm.Ram.Start + (batch * BatchPages);
}
