using Livebed.Kvm.UserSpace;
using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.Paging;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

/// <summary>A throttled vCPU sleeps as much as it should, and blocks no other operation.</summary>
public sealed class VcpuThrottleTests
{
    private const long Millisecond = 1_000;

    [Theory]
    [InlineData(20)]
    [InlineData(50)]
    [InlineData(90)]
    public void A_percentage_is_the_share_of_time_that_the_vCPU_sleeps(int percentage)
    {
        const long Duration = 600 * Millisecond;
        var rig = NewRig();
        Run(rig, async () =>
        {
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(percentage, 0));
            await rig.World.DelayAsync(Duration);
        });
        var share = rig.Vcpu.Counters.ThrottleMicroseconds * 100.0 / Duration;
        Assert.InRange(share, percentage - 5, percentage + 5);
    }

    [Fact]
    public void A_vCPU_that_is_not_throttled_does_not_sleep_and_throttling_ends()
    {
        var rig = NewRig();
        Run(rig, async () =>
        {
            await rig.World.DelayAsync(50 * Millisecond);
            Assert.Equal(0, rig.Vcpu.Counters.ThrottleMicroseconds);
            await AsleepAsync(rig);
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), VcpuThrottle.None);
            var executions = rig.Memory.Executions;
            await rig.World.DelayAsync(2 * Millisecond);
            Assert.True(rig.Memory.Executions > executions, "the sleep went on after its throttle");
            var slept = rig.Vcpu.Counters.ThrottleMicroseconds;
            await rig.World.DelayAsync(50 * Millisecond);
            Assert.Equal(slept, rig.Vcpu.Counters.ThrottleMicroseconds);
        });
    }

    [Fact]
    public void A_pause_and_a_stop_do_not_wait_for_the_end_of_a_sleep()
    {
        var rig = NewRig();
        Run(rig, async () =>
        {
            await AsleepAsync(rig);
            var start = rig.World.NowMicroseconds;
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            Assert.InRange(rig.World.NowMicroseconds - start, 0, 2 * Millisecond);
            await rig.Vcpu.ResumeAsync(rig.NewOperation());
            await rig.World.DelayAsync(5 * Millisecond);
            start = rig.World.NowMicroseconds;
            await rig.Vcpu.StopAsync(rig.NewOperation());
            Assert.InRange(rig.World.NowMicroseconds - start, 0, 2 * Millisecond);
        });
    }

    [Fact]
    public void A_flush_does_not_wait_for_a_sleeper()
    {
        var rig = NewRig();
        Run(rig, async () =>
        {
            await AsleepAsync(rig);
            Assert.True(rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(new Gfn(8), 1)).IsCompletedSuccessfully);
        });
    }

    [Fact]
    public void A_guest_with_a_rate_that_sleeps_falls_behind()
    {
        var spec = new SyntheticGuestSpec(4 * 4096, AccessesPerSecond: 100_000);
        var rig = NewRig(spec.Create(7, 1, 0, 1, new Gfn(0), 4096));
        Run(rig, async () =>
        {
            await rig.World.DelayAsync(200 * Millisecond);
            Assert.InRange(rig.Vcpu.Counters.BehindMicroseconds, 0, 5 * Millisecond);
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(99, 0));
            await rig.World.DelayAsync(1_500 * Millisecond);
            Assert.InRange(rig.Vcpu.Counters.BehindMicroseconds, 400 * Millisecond, 1_500 * Millisecond);
        });
    }

    [Fact]
    public void What_is_due_grows_with_the_clock_and_what_is_executed_stays_where_the_guest_is_held_up()
    {
        var spec = new SyntheticGuestSpec(4 * 4096, AccessesPerSecond: 1_000);
        var rig = NewRig(spec.Create(7, 1, 0, 1, new Gfn(0), 4096));
        var isHeldUp = false;
        rig.Vm.BeforeReply = () => isHeldUp ? rig.World.DelayAsync(300 * Millisecond) : ValueTask.CompletedTask;
        Run(rig, async () =>
        {
            await rig.World.DelayAsync(100 * Millisecond);
            Assert.Equal((100, 100), Milliseconds(rig.Vcpu.CountersNow()));
            isHeldUp = true;
            await rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(new Gfn(0), 4));
            await rig.World.DelayAsync(200 * Millisecond);
            var (due, executed) = Milliseconds(rig.Vcpu.CountersNow());
            Assert.Equal(300, due);
            Assert.InRange(executed, 95, 105);

            // It catches up, and while a migration throttles it nothing is due.
            isHeldUp = false;
            await rig.World.DelayAsync(700 * Millisecond);
            Assert.Equal((1_000, 1_000), Milliseconds(rig.Vcpu.CountersNow()));
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(90, 0));
            await rig.World.DelayAsync(1_000 * Millisecond);
            (due, executed) = Milliseconds(rig.Vcpu.CountersNow());
            Assert.InRange(due, 1_080, 1_300);
            Assert.Equal(due, executed);
        });

        static (long Due, long Executed) Milliseconds(VcpuCounters counters) =>
            ((counters.DueMicroseconds + Millisecond / 2) / Millisecond, (counters.ExecutedMicroseconds + Millisecond / 2) / Millisecond);
    }

    [Theory]
    [InlineData(3)]
    [InlineData(25)]
    [InlineData(1_000)]
    public void A_dirty_limit_is_the_rate_at_which_pages_become_dirty(int rate)
    {
        const long Seconds = 4;
        var rig = NewRig(AllPages(writePercent: 100));
        rig.Vm.LogsDirtyPages = true;
        Run(rig, async () =>
        {
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(0, rate));
            await rig.World.DelayAsync(Seconds * 1_000 * Millisecond);
        });
        // One share more than the limit at most, for the first window begins with a share.
        Assert.InRange(rig.Vcpu.Counters.DirtyPages, rate * Seconds * 0.9, rate * Seconds + Math.Max(1, rate / 10));
        Assert.InRange(rig.Vcpu.Counters.ThrottleMicroseconds, Seconds * 900 * Millisecond, Seconds * 1_000 * Millisecond);
    }

    [Theory]
    [InlineData(0, true)]
    [InlineData(100, false)]
    public void Faults_that_dirty_nothing_are_free_of_the_dirty_limit(int writePercent, bool logged)
    {
        var rig = NewRig(AllPages(writePercent));
        rig.Vm.LogsDirtyPages = logged;
        Run(rig, async () =>
        {
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(0, 10));
            while (rig.Vm.Faults < 1_000) await rig.World.PointAsync(SchedulingPoint.Yield);
        });
        Assert.Equal(0, rig.Vcpu.Counters.DirtyPages);
        Assert.Equal(0, rig.Vcpu.Counters.ThrottleMicroseconds);
    }

    [Fact]
    public void Pauses_do_not_help_a_vCPU_over_its_limit()
    {
        var rig = NewRig(AllPages(writePercent: 100));
        rig.Vm.LogsDirtyPages = true;
        var paused = 0L;
        Run(rig, async () =>
        {
            await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(0, 100));
            for (var i = 0; i < 100; i++)
            {
                await rig.World.DelayAsync(10 * Millisecond);
                await rig.Vcpu.PauseAsync(rig.NewOperation());
                var start = rig.World.NowMicroseconds;
                await rig.World.DelayAsync(30 * Millisecond);
                await rig.Vcpu.ResumeAsync(rig.NewOperation());
                paused += rig.World.NowMicroseconds - start;
            }
        });
        Assert.InRange(paused, 3_000 * Millisecond, 3_100 * Millisecond);
        Assert.InRange(rig.Vcpu.Counters.DirtyPages, 80, 120);
    }

    [Fact]
    public async Task A_throttle_that_is_none_is_refused()
    {
        var rig = NewRig();
        foreach (var wrong in (VcpuThrottle[])[new(-1, 0), new(100, 0), new(0, -1)])
            await Assert.ThrowsAsync<ArgumentOutOfRangeException>(async () => await rig.Vcpu.ThrottleAsync(rig.NewOperation(), wrong));
    }

    [Theory]
    [InlineData(DirtyLogMode.Bitmap)]
    [InlineData(DirtyLogMode.Manual)]
    [InlineData(DirtyLogMode.Ring)]
    public void A_write_fault_says_that_it_has_dirtied_a_page_once_a_round(DirtyLogMode mode)
    {
        var bed = new Bed(new BedOptions(ProtocolCatalog.ActiveCount) { DirtyLog = mode, RamSlots = 1, RingEntries = 128 }, seed: 1);
        var page = BedVm.RamGfn(0);
        var result = bed.Run(async () =>
        {
            var vm = await bed.CreateVmAsync();
            Assert.False((await vm.TouchAsync(page, write: true)).Dirtied);
            await vm.Session.EnableAsync(bed.NewOperation(OperationKind.DirtyLogEnable), [0]);
            for (var round = 0; round < 3; round++)
            {
                Assert.False((await vm.TouchAsync(page, write: false)).Dirtied);
                Assert.True((await vm.TouchAsync(page, write: true)).Dirtied);
                Assert.False((await vm.TouchAsync(page, write: true)).Dirtied);
                await vm.Session.RoundAsync(bed.NewOperation(OperationKind.DirtyLogGet));
            }

            // A page that is not mapped yet.
            Assert.False((await vm.TouchAsync(page + 1, write: false)).Dirtied);
            Assert.True((await vm.TouchAsync(page + 2, write: true)).Dirtied);
            await vm.TearDownAsync(bed.NewOperation(OperationKind.VmDestroy), TeardownOrder.VmFirst);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    private static VcpuRig NewRig(IPacedGuestProgram? program = null) => new(new RandomStrategy(1), program: program);

    /// <summary>Far more pages than the TLB has entries.</summary>
    private static IPacedGuestProgram AllPages(int writePercent) =>
        new SyntheticGuestSpec(100_000 * 4096L, writePercent).Create(7, 1, 0, 1, new Gfn(0), 4096);

    private static void Run(VcpuRig rig, Func<ValueTask> scenario)
    {
        var result = rig.Run(scenario);
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    /// <summary>Returns when the vCPU is in a sleep of nearly a second.</summary>
    private static async ValueTask AsleepAsync(VcpuRig rig)
    {
        await rig.Vcpu.ThrottleAsync(rig.NewOperation(), new VcpuThrottle(VcpuThrottle.PercentageMax, 0));
        await rig.World.DelayAsync(20 * Millisecond);
        var executions = rig.Memory.Executions;
        await rig.World.DelayAsync(100 * Millisecond);
        Assert.Equal(executions, rig.Memory.Executions);
    }
}
