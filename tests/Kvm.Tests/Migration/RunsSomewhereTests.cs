using Livebed.Kvm.Checks;
using Livebed.Kvm.Migration;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Migration;

/// <summary>A guest that its migration leaves standing, or that stood longer than the migration says; and those that are excused.</summary>
public class RunsSomewhereTests
{
    private const string Vm = "vm-3";
    private readonly RunsSomewhereCheck _check = new();

    [Fact]
    public void A_guest_that_stands_when_its_migration_is_over_is_found()
    {
        Stops();
        Assert.Equal(
            Invariants.RunsSomewhere, Ended(new MigrationInfo { Status = MigrationStatus.Failed, DowntimeMicroseconds = 50 })?.Invariant);
    }

    [Fact]
    public void A_guest_that_runs_at_the_destination_before_the_source_says_so_is_fine()
    {
        Stops();
        Assert.Null(_check.Note(Vm, "host-1", 2, runs: true, 140));
        Assert.Null(Ended(new MigrationInfo { Status = MigrationStatus.Completed, DowntimeMicroseconds = 40, IsTakeOverAnswered = true }));
        Assert.Empty(_check.Settled());
    }

    [Fact]
    public void A_downtime_that_is_told_too_short_is_found()
    {
        Stops();
        _check.Note(Vm, "host-1", 2, runs: true, 140);
        Assert.Contains(
            "40 us",
            Ended(new MigrationInfo { Status = MigrationStatus.Completed, DowntimeMicroseconds = 39, IsTakeOverAnswered = true })!.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_guest_that_the_inventory_gave_to_a_destination_which_does_not_run_it_is_found_in_the_end()
    {
        Stops();
        Assert.Null(Ended(new MigrationInfo { Status = MigrationStatus.Completed }));
        Assert.Equal(Invariants.RunsSomewhere, Assert.Single(_check.Settled()).Invariant);
    }

    [Fact]
    public void A_guest_that_is_reported_lost_is_excused()
    {
        Stops();
        _check.Note(Vm, "host-1", 2, runs: true, 140);
        _check.Note(Vm, "host-1", 2, runs: false, 150);
        Assert.Null(
            Ended(new MigrationInfo
            {
                Status = MigrationStatus.Failed,
                Steps = [new(MigrationStatus.PostcopyActive, 140), new(MigrationStatus.Failed, 160)],
            }));
        Assert.Empty(_check.Settled());
    }

    [Fact]
    public void A_guest_whose_machine_died_is_excused_and_one_whose_other_side_died_is_not()
    {
        Stops();
        _check.Died("host-1");
        Assert.Equal(Invariants.RunsSomewhere, Assert.Single(_check.Settled()).Invariant);
        _check.Died("host-0");
        Assert.Empty(_check.Settled());
    }

    [Fact]
    public void A_guest_that_its_dead_destination_owned_is_excused()
    {
        Stops();
        _check.Died("host-1");
        Assert.Null(Ended(new MigrationInfo { Status = MigrationStatus.Completed }));
        Assert.Empty(_check.Settled());
    }

    [Fact]
    public void A_guest_that_its_next_migration_has_stopped_is_not_judged_by_the_one_before()
    {
        Stops();
        _check.Note(Vm, "host-1", 2, runs: true, 140);
        _check.Note(Vm, "host-1", 2, runs: false, 150);
        Assert.Null(Ended(Completed(40, epoch: 2)));
        Assert.NotEmpty(_check.Settled());
    }

    [Fact]
    public void A_migration_is_judged_by_its_own_stop_though_the_one_before_it_is_said_to_be_over_later()
    {
        Stops();
        _check.Note(Vm, "host-1", 2, runs: true, 140);
        _check.Note(Vm, "host-1", 2, runs: false, 150);
        _check.Note(Vm, "host-0", 3, runs: true, 160);
        Assert.Null(Ended(Completed(40, epoch: 2)));
        Assert.Null(_check.Ended(Vm, "host-0", Completed(10, epoch: 3), 200, allIsNoted: true));
        Assert.Empty(_check.Settled());
    }

    [Fact]
    public void A_second_migration_whose_downtime_is_told_too_short_is_found_before_the_first_is_over()
    {
        Stops();
        _check.Note(Vm, "host-1", 2, runs: true, 140);
        _check.Note(Vm, "host-1", 2, runs: false, 150);
        _check.Note(Vm, "host-0", 3, runs: true, 160);
        Assert.Contains(
            "stood still for 10 us", _check.Ended(Vm, "host-0", Completed(9, epoch: 3), 200, allIsNoted: true)!.Message,
            StringComparison.Ordinal);
    }

    private static MigrationInfo Completed(long downtime, long epoch) => new()
    {
        Status = MigrationStatus.Completed,
        DowntimeMicroseconds = downtime,
        IsTakeOverAnswered = true,
        Epoch = epoch,
    };

    private void Stops()
    {
        _check.Note(Vm, "host-0", 1, runs: true, 0);
        _check.Note(Vm, "host-0", 1, runs: false, 100);
    }

    private Violation? Ended(MigrationInfo info) => _check.Ended(Vm, "host-1", info, 200, allIsNoted: true);
}
