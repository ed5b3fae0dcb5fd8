using System.Diagnostics;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Locks;

/// <summary>rcuwait: one sleeper, woken once per wake-up, which checks again before it continues.</summary>
public sealed class RcuWaitTests
{
    private readonly LockTestBed _bed = new();
    private readonly RcuWait _rcuwait;
    private readonly Operation _updater;
    private readonly Operation _range;
    private int _active;
    private int _looked;

    public RcuWaitTests()
    {
        _updater = _bed.Op(OperationKind.MemslotCreate);
        _range = _bed.Op(HostEventKind.Unmap);
        _rcuwait = new RcuWait(
            _bed.Domain, LockClasses.MnMemslotsUpdateRcuwait, "vm-1",
            () => [new WaitBlocker(_range.Id, _range.Kind, LockMode.Read, Queued: false)]);
    }

    [Fact]
    public void A_woken_sleeper_looks_again_and_sleeps_on_while_the_condition_fails()
    {
        _active = 1;
        var update = _bed.Scheduler.Start(UpdateAsync);
        Assert.Equal(_range.Id, Assert.Single(Assert.Single(_bed.Domain.Waits()).Blockers).Operation);
        var wait = _bed.Domain.Waits()[0].WaitId;

        _rcuwait.WakeUp();
        _bed.Pump();
        Assert.Equal((false, 2), (update.IsCompleted, _looked));
        Assert.Equal(wait, Assert.Single(_bed.Domain.Waits()).WaitId);

        _active = 0;
        _bed.World.NowMicroseconds = 40;
        _rcuwait.WakeUp();
        _bed.Pump();
        Assert.Equal((true, 3), (update.IsCompletedSuccessfully, _looked));
        Assert.Empty(_bed.Domain.Waits());
        Assert.Equal((_updater.Id, _range.Id, 40), Assert.Single(_bed.World.LockWaits.Select(w => (w.Waiter, w.Holder, w.Microseconds))));
    }

    [Fact]
    public void A_wake_up_between_check_and_sleep_is_not_lost()
    {
        _rcuwait.Prepare(_updater);
        _rcuwait.WakeUp();
        _bed.Take(_rcuwait.SleepAsync);
        Assert.False(_bed.Start(_rcuwait.SleepAsync).IsCompleted);
    }

    [Fact]
    public void A_wake_up_before_anybody_registered_wakes_nobody()
    {
        _rcuwait.WakeUp();
        _rcuwait.Prepare(_updater);
        Assert.False(_bed.Start(_rcuwait.SleepAsync).IsCompleted);
    }

    [Fact]
    public void One_wake_up_wakes_once()
    {
        _active = 1;
        _bed.Scheduler.Start(UpdateAsync);
        _rcuwait.WakeUp();
        _bed.Pump();
        _bed.Pump();
        Assert.Equal(2, _looked);
    }

    [Fact]
    public void A_second_sleeper_is_a_defect_of_the_model()
    {
        _rcuwait.Prepare(_updater);
        Assert.True(_rcuwait.IsActive);
        Assert.Throws<UnreachableException>(() => _rcuwait.Prepare(_bed.Op()));
        _rcuwait.Finish();
        _rcuwait.Prepare(_bed.Op());
    }

    [Fact]
    public void A_wait_that_never_slept_is_no_contention_and_one_that_did_is_even_if_it_took_no_time()
    {
        var statistics = _bed.Domain.StatisticsOf(LockClasses.MnMemslotsUpdateRcuwait, LockMode.Write);
        _bed.Scheduler.Start(UpdateAsync);
        Assert.Equal((1, 0), (statistics.Acquisitions, statistics.Contentions));
        _active = 1;
        _bed.Scheduler.Start(UpdateAsync);
        _active = 0;
        _rcuwait.WakeUp();
        _bed.Pump();
        Assert.Equal((2, 1, 0), (statistics.Acquisitions, statistics.Contentions, statistics.WaitTotal));
    }

    private async Task UpdateAsync()
    {
        _rcuwait.Prepare(_updater);
        for (_looked++; _active > 0; _looked++) await _rcuwait.SleepAsync();
        _rcuwait.Finish();
    }
}
