using Livebed.Grains.Contracts;
using Livebed.Grains.Placement;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Mutants;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// Dirty bits are taken without making later writes trap again, in each of the ways of KVM to log: a migration reports <i>completed</i> and the guest at the destination is corrupt, as has been
/// in the field. The check that the catalogue names finds it, and without a defect the same migration is clean.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class DirtyTrackingMutantTests(ActorCollection.Clusters clusters)
{
    private const int GuestPages = 64;

    [Theory]
    [InlineData(Mutant.GetLogWithoutProtect, DirtyLogMode.Bitmap)]
    [InlineData(Mutant.GetLogWithoutProtect, DirtyLogMode.Manual)]
    [InlineData(Mutant.LogFlushSkipped, DirtyLogMode.Bitmap)]
    [InlineData(Mutant.AllSetClearDoesNotProtect, DirtyLogMode.InitiallySet)]
    [InlineData(Mutant.RingResetWithoutProtect, DirtyLogMode.Ring)]
    [InlineData(Mutant.None, DirtyLogMode.Bitmap)]
    [InlineData(Mutant.None, DirtyLogMode.Manual)]
    [InlineData(Mutant.None, DirtyLogMode.InitiallySet)]
    [InlineData(Mutant.None, DirtyLogMode.Ring)]
    public async Task Writes_that_do_not_trap_after_their_bits_were_taken_are_missed(Mutant mutant, DirtyLogMode log)
    {
        var bed = await clusters.BedAsync(PlacementMode.Spread);
        var here = await bed.RunAsync(new VmPlan(log, Mutant: mutant));
        var there = here.On(await bed.PlanAsync(new VmPlan(Mutant: mutant)));

        // User space clears before it reads a page, so one round shows it; else the bits are taken at the end of a round, and it takes another for their pages to be clean.
        var rounds = log is DirtyLogMode.Manual or DirtyLogMode.InitiallySet ? 1 : 2;
        var parameters = new MigrationParameters { DowntimeLimitMicroseconds = 0, BatchPages = GuestPages, RoundsMax = rounds, TimeoutAction = TimeoutAction.Suspend };
        var sent = Enumerable.Range(0, rounds).Select(round => bed.Held.HoldAnswer(
            here.HostKey, nameof(IHostMmuGrain.SendPagesAsync),
            context => context.Request.GetArgument(2) is BatchMessage batch && batch.Round == round && batch.FirstHva == here.Ram.Start.Value)).ToList();
        var moving = here.Grain.MigrateAsync(bed.Next(OperationKind.Migration), here.RequestTo(there, parameters)).AsTask();
        var findings = new Findings();
        foreach (var held in sent)
        {
            await held.ReachedAsync();
            await findings.ProgressAsync(here, 2 * GuestPages);
            held.Release();
        }

        var outcome = await moving;
        Assert.Equal(MigrationStatus.Completed, outcome.Info.Status);
        findings.Take(outcome.LastReports);
        await findings.InspectWithHostAsync(there);
        findings.AssertFound(mutant, Invariants.SameMemory, Invariants.GuestMemory);
        await there.DestroyAsync();
    }
}
