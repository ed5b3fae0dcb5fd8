using Livebed.Driver.Running;
using Livebed.Grains.Contracts;
using Livebed.Kvm.Migration;

namespace Livebed.Driver.Tests.Running;

/// <summary>Starts and stops of guests are judged in the order in which they happened, whatever the order in which reports bring
/// them.</summary>
public sealed class OwnerWatchTests
{
    private readonly OwnerWatch _watch = new();

    [Fact]
    public void A_hand_over_that_is_reported_backwards_is_none_the_worse()
    {
        Take(Entry(30, "host-1", 2, runs: true));
        Assert.Empty(_watch.Judge(10));
        Take(Entry(10, "host-0", 1, runs: true), Entry(30, "host-0", 1, runs: false));
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    [Fact]
    public void A_guest_that_starts_before_the_other_has_stopped_is_found_once_both_are_known()
    {
        Take(Entry(30, "host-1", 2, runs: true), Entry(31, "host-0", 1, runs: false));
        Take(Entry(10, "host-0", 1, runs: true));
        Assert.Empty(_watch.Judge(30));
        var violation = Assert.Single(_watch.Judge(31));
        Assert.Equal(("M2", "vm-0.1"), (violation.Invariant, violation.Vm));
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    [Fact]
    public void An_older_epoch_that_goes_on_is_found()
    {
        Take(Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false),
                Entry(21, "host-1", 2, runs: true), Entry(40, "host-1", 2, runs: false));
        Take(Entry(50, "host-0", 1, runs: true));
        Assert.Contains("epoch 1", Assert.Single(_watch.Judge(long.MaxValue)).Message, StringComparison.Ordinal);
    }

    /// <summary>The stop at the source was never reported: the source died before it could.</summary>
    [Fact]
    public void A_guest_that_begins_elsewhere_after_its_host_died_is_no_second_one()
    {
        Take(Entry(10, "host-0", 1, runs: true));
        _watch.Died("host-0", 15, 16);
        Take(Entry(30, "host-1", 2, runs: true));
        Assert.Empty(_watch.Judge(long.MaxValue));
        Assert.Empty(_watch.Settled());
    }

    [Fact]
    public void A_death_of_one_host_excuses_no_other()
    {
        Take(Entry(10, "host-0", 1, runs: true));
        _watch.Died("host-2", 15, 16);
        Take(Entry(30, "host-1", 2, runs: true));
        Assert.Equal("M2", Assert.Single(_watch.Judge(long.MaxValue)).Invariant);
    }

    [Fact]
    public void A_guest_that_stood_still_when_its_host_died_is_not_left_standing()
    {
        Take(Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false));
        _watch.Died("host-0", 25, 26);
        Assert.Empty(_watch.Settled());
    }

    /// <summary>It began there after the host was last heard of: only its migration says that it did.</summary>
    [Fact]
    public void A_guest_that_had_just_gone_over_to_a_host_that_died_is_not_left_standing()
    {
        var completed = new MigrationInfo { Status = MigrationStatus.Completed, Reason = "" };
        Take(Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false));
        _watch.Ended("vm-0.1", "host-1", completed, 30);
        _watch.Died("host-1", 15, 40);
        Assert.Empty(_watch.Settled());

        // The machine that has the dead one's name is not excused.
        Take(Entry(50, "host-0", 3, runs: true), Entry(60, "host-0", 3, runs: false));
        _watch.Ended("vm-0.1", "host-1", completed, 70);
        Assert.Equal("M4", Assert.Single(_watch.Settled()).Invariant);
    }

    [Fact]
    public void A_guest_that_its_migration_left_standing_is_found_though_it_migrates_again()
    {
        Take(Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false));
        _watch.Ended("vm-0.1", "host-1", new MigrationInfo { Status = MigrationStatus.Failed, Reason = "refused" }, 30);
        Assert.Empty(_watch.Judge(100));
        Take(Entry(110, "host-0", 1, runs: true));
        var violation = Assert.Single(_watch.Judge(200));
        Assert.Equal(("M4", "vm-0.1"), (violation.Invariant, violation.Vm));
        Assert.Empty(_watch.Settled());
    }

    [Fact]
    public void A_guest_that_its_migration_left_standing_is_found_in_the_end()
    {
        Take(Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false));
        _watch.Ended("vm-0.1", "host-1", Completed(10), 30);
        Assert.Empty(_watch.Judge(long.MaxValue));
        Assert.Equal("M4", Assert.Single(_watch.Settled()).Invariant);
    }

    [Fact]
    public void A_start_that_is_reported_after_the_end_of_its_migration_was_judged_is_none_the_worse()
    {
        Take(Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false));
        _watch.Ended("vm-0.1", "host-1", Completed(10), 30);
        Assert.Empty(_watch.Judge(100));
        Take(Entry(28, "host-1", 2, runs: true));
        Assert.Empty(_watch.Settled());
    }

    [Fact]
    public void A_stand_still_that_is_longer_than_its_migration_says_is_found()
    {
        Take(Entry(10_000, "host-0", 1, runs: true), Entry(20_000, "host-0", 1, runs: false), Entry(90_000, "host-1", 2, runs: true));
        _watch.Ended("vm-0.1", "host-1", Completed(60_000), 95_000);
        Assert.Contains("70000 us", Assert.Single(_watch.Settled()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_stand_still_that_its_migration_admits_is_fine_checks_included()
    {
        Take(Entry(10_000, "host-0", 1, runs: true), Entry(20_000, "host-0", 1, runs: false), Entry(90_000, "host-1", 2, runs: true));
        _watch.Ended("vm-0.1", "host-1", Completed(60_000) with { CheckMicroseconds = 10_000 }, 95_000);
        Assert.Empty(_watch.Settled());
    }

    [Fact]
    public void A_vCPU_that_runs_on_at_the_source_and_says_nothing_is_found()
    {
        HandsOver();
        Accesses(40, "host-0", 0);
        var violation = Assert.Single(_watch.Judge(long.MaxValue));
        Assert.Equal(("M2", "vm-0.1"), (violation.Invariant, violation.Vm));
    }

    [Theory]
    [InlineData(19, "host-0", 0)]
    [InlineData(40, "host-1", 2)]
    public void Accesses_where_the_guest_runs_are_fine(long time, string host, long epoch)
    {
        HandsOver();
        Accesses(time, host, epoch);
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    [Fact]
    public void Accesses_before_the_hand_over_that_are_reported_after_it_was_judged_are_fine()
    {
        HandsOver();
        Assert.Empty(_watch.Judge(100));
        Accesses(19, "host-0", 0);
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    [Fact]
    public void Accesses_of_a_VM_that_never_migrates_are_fine()
    {
        Accesses(19, "host-0", 0);
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    private void HandsOver() => Take(
        Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false), Entry(30, "host-1", 2, runs: true));

    /// <summary>Each as the VM's grain on that host reports it.</summary>
    private void Take(params GuestRunsEntry[] entries)
    {
        foreach (var entry in entries)
            _watch.Take(new ActorReport { Actor = $"vm-0.1@{entry.Host}", Silo = "silo-0", GuestRuns = [entry] });
    }

    private void Accesses(long time, string host, long epoch) => _watch.Take(
        new ActorReport { Actor = $"vm-0.1@{host}/vcpu-1", Silo = "silo-0", GuestAccesses = new GuestAccessesEntry(epoch, time) });

    private static MigrationInfo Completed(long downtime) =>
        new() { Status = MigrationStatus.Completed, DowntimeMicroseconds = downtime, IsTakeOverAnswered = true };

    private static GuestRunsEntry Entry(long time, string host, long epoch, bool runs) => new("vm-0.1", host, epoch, runs, time);
}
