using Livebed.Explorer.Beds;
using Livebed.Kvm.Migration;

namespace Livebed.Explorer.Tests.Scenarios;

/// <summary>What comes after a round (<c>migration_iteration_run</c>), of a guest that does not write while it migrates, so that its first
/// sync finds nothing.</summary>
public class SwitchoverTests
{
    private static readonly MigrationParameters _parameters = new()
    {
        MaxBandwidth = 0,
        BatchPages = 64,
        DowntimeLimitMicroseconds = 1_000_000,
    };

    [Fact]
    public void What_fits_into_the_downtime_limit_completes_in_pre_copy_though_post_copy_was_to_follow()
    {
        var info = Assert.Single(VirtualMigrations.Run(count: 1, _ => _parameters with { PostcopyAfterRounds = 1 }));
        Assert.DoesNotContain(info.Steps, step => step.Status == MigrationStatus.PostcopyActive);
        Assert.Equal((1, 0), (info.Rounds.Count, info.PostcopyBytes));
    }

    [Fact]
    public void What_fits_after_the_last_round_that_is_allowed_completes()
    {
        var info = Assert.Single(
            VirtualMigrations.Run(count: 1, _ => _parameters with { RoundsMax = 1, TimeoutAction = TimeoutAction.Cancel }));
        Assert.Equal("", info.Reason);
    }

    [Fact]
    public void Post_copy_that_is_asked_for_in_a_round_does_not_wait_for_its_end()
    {
        var info = Assert.Single(VirtualMigrations.Run(count: 1, _ => _parameters, migration => migration.Process.StartPostcopy()));
        Assert.Contains(info.Steps, step => step.Status == MigrationStatus.PostcopyActive);
        Assert.InRange(info.PostcopyBytes, VirtualMigrations.RamPages * Bed.PageSize / 2, info.Transferred);
    }
}
