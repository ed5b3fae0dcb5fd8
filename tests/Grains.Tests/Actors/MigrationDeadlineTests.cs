using Livebed.Grains.Placement;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Migration;

namespace Livebed.Grains.Tests.Actors;

/// <summary>
/// A guest that never lets pre-copy converge: it keeps three quarters of its memory dirty, and the downtime limit of 1 ms has room for a
/// page or two. After the time limit of 1 s each strategy does what it is for, and says what it cost.
/// </summary>
[Collection(ActorCollection.Name)]
public sealed class MigrationDeadlineTests(ActorCollection.Clusters clusters)
{
    private const int Bandwidth = 100_000;

    /// <summary>192 of 256 pages, each written many times a round.</summary>
    private static VmPlan ThreeQuarters => new(DirtyLogMode.InitiallySet, PagesPerVcpu: 96, IdlePages: 64, AccessesPerSecond: 10_000);

    [Theory]
    [InlineData(TimeoutAction.Cancel)]
    [InlineData(TimeoutAction.Suspend)]
    [InlineData(TimeoutAction.Postcopy)]
    public async Task A_migration_that_cannot_converge_ends_after_its_time_as_it_was_told_to(TimeoutAction action)
    {
        var bed = await clusters.BedAsync(PlacementMode.Packed);
        var here = await bed.RunAsync(ThreeQuarters);
        await Until.HoldsAsync(
            () => here.CountAsync(counters => counters.Vcpu?.Accesses), accesses => accesses > 10 * here.Ram.Pages,
            "a guest that has written everything it writes");
        var there = here.On(await bed.PlanAsync());
        var info = (await here.MigrateAsync(there, new MigrationParameters
        {
            MaxBandwidth = Bandwidth,
            DowntimeLimitMicroseconds = 1_000,
            TimeLimitMicroseconds = 1_000_000,
            BatchPages = 64,
            TimeoutAction = action,
        })).Info;

        // Not before its time, and no more than a batch after it.
        Assert.StartsWith("not done after ", info.Reason, StringComparison.Ordinal);
        Assert.InRange(
            info.Steps.First(step => step.Status is not (MigrationStatus.Setup or MigrationStatus.Active)).AtMicroseconds, 1_000_000,
            3_000_000);
        Assert.All(
            info.Rounds,
            round => Assert.True(round.RemainingBytes > 64 * ActorBed.PageSize, $"round {round.Number} left {round.RemainingBytes} bytes"));
        Assert.All(
            info.Rounds,
            round =>
                Assert.True(round.ExpectedDowntimeMicroseconds > 100_000, $"round {round.Number} expected "
                    + $"{round.ExpectedDowntimeMicroseconds} us"));
        var hasMoved = action != TimeoutAction.Cancel;
        Assert.Equal(hasMoved ? MigrationStatus.Completed : MigrationStatus.Failed, info.Status);
        Check(action, info);
        var (home, away) = hasMoved ? (there, here) : (here, there);
        await home.RunsOnAsync();
        await away.LeavesNothingAsync();
        Assert.Equal(home.HostKey, bed.GuestRuns.RunsAt(here.Name));
        Assert.All(await home.DestroyAsync(), report => Assert.Empty(report.Violations));
        await home.LeavesNothingAsync();
    }

    private static void Check(TimeoutAction action, MigrationInfo info)
    {
        switch (action)
        {
            case TimeoutAction.Cancel:
                Assert.Equal((0, 0), (info.DowntimeMicroseconds, info.DowntimeBytes));
                Assert.DoesNotContain(MigrationStatus.Device, info.Steps.Select(step => step.Status));
                break;
            case TimeoutAction.Suspend:
                // What was left had to go over while the guest stood, about a hundred pages; the cap ends when it stops.
                Assert.True(info.DowntimeBytes > 64 * ActorBed.PageSize, $"{info.DowntimeBytes} bytes in the downtime");
                Assert.True(info.DowntimeMicroseconds > 0);
                Assert.Equal(0, info.PostcopyBytes);
                break;
            default:
                Assert.Equal(0, info.DowntimeBytes);
                Assert.True(info.PostcopyBytes > 64 * ActorBed.PageSize, $"{info.PostcopyBytes} bytes in post-copy");
                break;
        }
    }
}
