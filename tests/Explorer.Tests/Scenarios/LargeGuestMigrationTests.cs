using Livebed.Explorer.Beds;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>A guest with more pages than one piece of its memory's comparison has.</summary>
public class LargeGuestMigrationTests
{
    private const int RamPages = MemoryImage.PagesMax + 100;

    [Theory]
    [InlineData(0, 1UL)]
    [InlineData(1, 2UL)]
    public void Memory_behind_the_first_piece_is_compared_as_that_in_it(int postcopyAfterRounds, ulong seed)
    {
        var bed = new Bed(
            new BedOptions(ProtocolCatalog.ActiveCount) { Hosts = 2, RamPages = RamPages, Frames = 1024, DirtyLog = DirtyLogMode.Manual },
            seed);
        var stage = new Stage(bed);
        var result = bed.Run(async () =>
        {
            await bed.CreateVmAsync();
            await WriteAsync(stage);
            bed.World.Spawn("writer", async () =>
            {
                while (stage.Migration is not { Status: >= MigrationStatus.Device }) await WriteAsync(stage);
            });
            await stage.MigrateAsync(
                bed.NewOperation(OperationKind.Migration),
                new MigrationParameters
                {
                    MaxBandwidth = 0,
                    PostcopyAfterRounds = postcopyAfterRounds,
                    RoundsMax = 3,
                    TimeoutAction = TimeoutAction.Suspend,
                });
            Assert.Equal(MigrationStatus.Completed, stage.Migration!.Status);
            await stage.CheckMemoryAsync();
        });
        Assert.Equal(ScheduleOutcome.Completed, result.Outcome);
        Assert.Empty(bed.Violations(result));
    }

    /// <summary>Pages of both pieces, so that in each some copies at the destination are stale when the vCPUs stop.</summary>
    private static async ValueTask WriteAsync(Stage stage)
    {
        for (var page = RamPages - 1; page >= 0; page -= page > MemoryImage.PagesMax ? 9 : 2048)
            await stage.SoftwareWriteAsync(page, vcpu: 0);
        await stage.Bed.World.PointAsync(SchedulingPoint.Yield);
    }
}
