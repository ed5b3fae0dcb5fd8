using Livebed.Explorer.Beds;
using Livebed.Kvm.Migration;
using Livebed.Kvm.Prediction;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>Whole migrations over a link so slow that a step of the world, a microsecond, is nothing beside a page.</summary>
public class LinkSchedulerTests
{
    private const int RamPages = VirtualMigrations.RamPages;
    private const long LinkBandwidth = VirtualMigrations.LinkBandwidth;

    /// <summary>As the link has them: a page of 64 bytes takes 1.4 ms.</summary>
    private static readonly RoundPredictor _predictor = new(Bed.PageSize, RamPages, LinkBandwidth, DowntimeLimitMicroseconds: 1_000_000);

    [Fact]
    public void Two_migrations_at_once_take_twice_as_long_and_say_that_the_link_was_shared()
    {
        var alone = Assert.Single(VirtualMigrations.Run(count: 1, Precopy));
        var both = VirtualMigrations.Run(count: 2, Precopy);
        Assert.InRange(alone.TotalMicroseconds, Microseconds(alone.Transferred), 1.05 * Microseconds(alone.Transferred));
        Assert.All(both, info => Assert.InRange(info.TotalMicroseconds, 1.9 * alone.TotalMicroseconds, 2.1 * alone.TotalMicroseconds));
        Assert.Equal(GapReason.None, Gap(alone.Rounds[0]).Reason);
        Assert.Equal(0, alone.Rounds[0].LinkWaitMicroseconds);
        Assert.All(both, info => Assert.Equal(GapReason.LinkShared, Gap(info.Rounds[0]).Reason));
    }

    [Fact]
    public void A_migration_that_takes_less_than_its_part_leaves_the_rest()
    {
        var infos = VirtualMigrations.Run(count: 2, index => Precopy(index) with { MaxBandwidth = index == 0 ? LinkBandwidth / 5 : 0 });
        Assert.InRange(infos[0].TotalMicroseconds, 5 * Microseconds(infos[0].Transferred), 5.3 * Microseconds(infos[0].Transferred));
        Assert.InRange(infos[1].TotalMicroseconds, 1.2 * Microseconds(infos[1].Transferred), 1.3 * Microseconds(infos[1].Transferred));
    }

    [Fact]
    public void The_push_of_postcopy_has_its_own_bandwidth()
    {
        var info = Assert.Single(
            VirtualMigrations.Run(
                count: 1,
                index => Precopy(index) with { MaxPostcopyBandwidth = LinkBandwidth / 4 },
                migration => migration.Process.StartPostcopy()));
        var push = info.TotalMicroseconds - info.Steps.Single(step => step.Status == MigrationStatus.PostcopyActive).AtMicroseconds;
        Assert.InRange(info.PostcopyBytes, RamPages * Bed.PageSize / 2, info.Transferred);
        Assert.InRange(push, 4 * Microseconds(info.PostcopyBytes), 4.2 * Microseconds(info.PostcopyBytes));
    }

    [Fact]
    public void What_is_left_goes_as_fast_as_the_link_when_the_guest_has_stopped()
    {
        // The time limit comes in round 0, a third of which has been sent: the cap is a fifth of the link.
        var info = Assert.Single(VirtualMigrations.Run(count: 1, index => Precopy(index) with
        {
            MaxBandwidth = LinkBandwidth / 5,
            TimeLimitMicroseconds = (long)(5 * Microseconds(RamPages * Bed.PageSize) / 3),
            TimeoutAction = TimeoutAction.Suspend,
        }));
        Assert.InRange(info.DowntimeBytes, RamPages * Bed.PageSize / 2, info.Transferred);
        Assert.InRange(info.DowntimeMicroseconds, Microseconds(info.DowntimeBytes), 1.05 * Microseconds(info.DowntimeBytes));
    }

    private static MigrationParameters Precopy(int index) =>
        new() { MaxBandwidth = 0, BatchPages = 64, Channels = 1 + 3 * index, DowntimeLimitMicroseconds = 1_000_000 };

    private static double Microseconds(long bytes) => bytes * 1e6 / LinkBandwidth;

    private static PredictionGap Gap(Round round) => PredictionGap.Between(
        _predictor.Predict(round.Number, round.Pages, 0, round.ZeroPages), round, Bed.PageSize, LinkBandwidth);
}
