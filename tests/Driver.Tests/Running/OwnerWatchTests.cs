using Livebed.Driver.Running;
using Livebed.Grains.Contracts;

namespace Livebed.Driver.Tests.Running;

/// <summary>Starts and stops of guests are judged in the order in which they happened, whatever the order in which reports bring them.</summary>
public sealed class OwnerWatchTests
{
    private readonly OwnerWatch _watch = new();

    [Fact]
    public void A_hand_over_that_is_reported_backwards_is_none_the_worse()
    {
        _watch.Take([Entry(30, "host-1", 2, runs: true)]);
        Assert.Empty(_watch.Judge(10));
        _watch.Take([Entry(10, "host-0", 1, runs: true), Entry(30, "host-0", 1, runs: false)]);
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    [Fact]
    public void A_guest_that_starts_before_the_other_has_stopped_is_found_once_both_are_known()
    {
        _watch.Take([Entry(30, "host-1", 2, runs: true), Entry(31, "host-0", 1, runs: false)]);
        _watch.Take([Entry(10, "host-0", 1, runs: true)]);
        Assert.Empty(_watch.Judge(30));
        var violation = Assert.Single(_watch.Judge(31));
        Assert.Equal(("M2", "vm-0.1"), (violation.Invariant, violation.Vm));
        Assert.Empty(_watch.Judge(long.MaxValue));
    }

    [Fact]
    public void An_older_epoch_that_goes_on_is_found()
    {
        _watch.Take([Entry(10, "host-0", 1, runs: true), Entry(20, "host-0", 1, runs: false), Entry(21, "host-1", 2, runs: true), Entry(40, "host-1", 2, runs: false)]);
        _watch.Take([Entry(50, "host-0", 1, runs: true)]);
        Assert.Contains("epoch 1", Assert.Single(_watch.Judge(long.MaxValue)).Message, StringComparison.Ordinal);
    }

    private static GuestRunsEntry Entry(long time, string host, long epoch, bool runs) => new(time, "vm-0.1", host, epoch, runs);
}
