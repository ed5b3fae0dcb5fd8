using CsCheck;
using Livebed.Explorer.Beds;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;
using Xunit.Abstractions;

namespace Livebed.Kvm.Tests.Paging;

public sealed class VcpuTests(ITestOutputHelper output)
{
    private static readonly Gfn Page = new(8);

    [Fact]
    public void A_flush_returns_only_when_the_vCPU_is_out_of_guest_mode()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            var rig = new VcpuRig(new RandomStrategy(seed));
            rig.Memory.Steps = 5;
            var result = rig.Run(async () =>
            {
                while (!rig.Memory.IsExecuting) await rig.World.PointAsync(SchedulingPoint.Yield);
                var flushed = rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(Page, 1));
                Assert.False(flushed.IsCompleted);
                var faults = rig.Vm.Faults;
                await flushed;
                Assert.True(rig.Memory.Executions > 0);
                while (rig.Vm.Faults == faults) await rig.World.PointAsync(SchedulingPoint.Yield);
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        }
    }

    /// <summary>Nothing looks whether it should: it is woken.</summary>
    [Fact]
    public void A_vCPU_that_sleeps_until_its_next_access_pauses_and_stops()
    {
        for (ulong seed = 1; seed <= 50; seed++)
        {
            var rig = new VcpuRig(new RandomStrategy(seed), sleepsUntilWoken: true) { Program = { BatchesMost = 1 } };
            var result = rig.Run(async () =>
            {
                for (var pause = 0; pause < 3; pause++)
                {
                    await rig.World.DelayAsync(1_000);
                    await rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(Page, 1));
                    await rig.Vcpu.PauseAsync(rig.NewOperation());
                    await rig.Vcpu.ResumeAsync(rig.NewOperation());
                }

                // Asleep again, and then it is stopped.
                await rig.World.DelayAsync(1_000);
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
            Assert.Equal(1, rig.Memory.Executions);
        }
    }

    /// <summary>Meanwhile it is in no flush's way, and can be stopped.</summary>
    [Fact]
    public void A_vCPU_that_starts_stopped_runs_no_guest_before_it_is_resumed_and_its_guest_is_not_late_then()
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var rig = new VcpuRig(new RandomStrategy(seed), startsStopped: true);
            var began = 0L;
            rig.Program.BeforeBatch = batch => began = batch == 0 ? rig.Program.NowMicroseconds : began;
            var result = rig.Run(async () =>
            {
                // A pause and its end in between let nothing run.
                await rig.Vcpu.PauseAsync(rig.NewOperation());
                await rig.World.DelayAsync(5_000);
                await rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(Page, 1));
                await rig.Vcpu.ResumeAsync(rig.NewOperation());
                await rig.World.DelayAsync(5_000);
                Assert.Equal((0, 0L), (rig.Vm.Faults, rig.Vcpu.CountersNow().DueMicroseconds));
                await rig.Vcpu.ResumeAsync(rig.NewOperation());
                while (rig.Memory.Executions == 0) await rig.World.PointAsync(SchedulingPoint.Yield);
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
            Assert.InRange(began, 0, 1_000);
        }
    }

    [Fact]
    public void A_vCPU_that_starts_stopped_can_be_stopped_for_good()
    {
        var rig = new VcpuRig(new RandomStrategy(1), startsStopped: true);
        var result = rig.Run(() => ValueTask.CompletedTask);
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.Equal(0, rig.Vm.Faults);
    }

    [Fact]
    public void A_batch_that_the_host_holds_back_is_made_once_when_it_lets_guests_run_again()
    {
        for (ulong seed = 1; seed <= 20; seed++)
        {
            var rig = new VcpuRig(new RandomStrategy(seed));
            rig.Memory.Values = [];
            rig.Memory.IsOpen = false;
            var result = rig.Run(async () =>
            {
                while (rig.Memory.HeldBack < 3) await rig.World.PointAsync(SchedulingPoint.Yield);
                await rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(Page, 1));
                rig.Memory.IsOpen = true;
                while (rig.Memory.Executions == 0) await rig.World.PointAsync(SchedulingPoint.Yield);
                rig.Memory.IsOpen = false;
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
            Assert.Equal(rig.Memory.Values.Count, rig.Vcpu.Counters.Accesses);
            Assert.Equal(Enumerable.Range(0, 8).Select(value => (ulong)value), rig.Memory.Values.Take(8).Order());
        }
    }

    [Fact]
    public void A_translation_that_arrives_after_a_flush_of_its_page_is_dropped()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        var flushed = 0;
        // The VM answers, and before the answer arrives the page is flushed: twice its own page, then another one.
        rig.Vm.BeforeReply = async () =>
        {
            if (++flushed <= 3) await rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(flushed == 3 ? Page + 1 : Page, 1));
        };
        var result = rig.Run(async () =>
        {
            while (rig.Memory.Executions == 0) await rig.World.PointAsync(SchedulingPoint.Yield);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.Equal(3, rig.Vm.Faults);
    }

    [Fact]
    public void A_translation_is_dropped_when_more_flushes_came_than_are_remembered()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        var first = true;
        rig.Vm.BeforeReply = async () =>
        {
            for (var i = 0; first && i < 65; i++) await rig.Vcpu.FlushTlbAsync(rig.NewOperation(), new GfnRange(Page + 100, 1));
            first = false;
        };
        var result = rig.Run(async () =>
        {
            while (rig.Memory.Executions == 0) await rig.World.PointAsync(SchedulingPoint.Yield);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.Equal(2, rig.Vm.Faults);
    }

    [Fact]
    public void Pause_resume_flush_and_stop_in_any_order_never_hang()
    {
        Gen.Int[0, 2].Array[1, 12].Array[1, 4].Select(Gen.ULong, Gen.Int[0, 3]).Sample((scripts, seed, statuses) =>
        {
            var rig = new VcpuRig(new RandomStrategy(seed));
            rig.Vm.Status = call => (statuses, call % 3) switch
            {
                (1, not 0) => FaultStatus.Retry,
                (2, not 0) => FaultStatus.RingFull,
                (3, 0) => FaultStatus.Mmio,
                _ => FaultStatus.Mapped,
            };
            var result = rig.Run(async () =>
            {
                var tasks = scripts.Select((script, index) => rig.World.Spawn($"script {index}", async () =>
                {
                    foreach (var step in script)
                    {
                        var op = rig.NewOperation();
                        if (step == 0) await rig.Vcpu.FlushTlbAsync(op, new GfnRange(Page, 1));
                        if (step != 1) continue;
                        await rig.Vcpu.PauseAsync(op);
                        var executions = rig.Memory.Executions;
                        await rig.World.PointAsync(SchedulingPoint.Yield);
                        Assert.False(rig.Memory.IsExecuting);
                        Assert.Equal(executions, rig.Memory.Executions);
                        await rig.Vcpu.ResumeAsync(op);
                    }
                })).ToList();
                await Bed.WhenAllAsync(tasks.Where((_, index) => index % 2 == 0));
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
            Assert.True(rig.Vcpu.IsStopped);
        }, iter: 300);
    }

    [Fact]
    public void A_fault_that_is_retried_without_end_is_reported_as_a_livelock()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        rig.Vm.Status = _ => FaultStatus.Retry;
        var result = rig.Run(async () =>
        {
            while (!rig.Vcpu.IsStopped) await rig.World.PointAsync(SchedulingPoint.Retry);
        });
        Assert.Equal(ScheduleOutcome.Violated, result.Outcome);
        Assert.Equal(Checks.Invariants.FaultProgress, result.Violations[0].Invariant);
    }

    /// <summary>It may be starved: it is for those others to get out of its way.</summary>
    [Fact]
    public void A_fault_that_is_retried_while_others_get_on_is_none()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        rig.Vm.Status = _ => FaultStatus.Retry;
        var result = rig.Run(async () =>
        {
            while (rig.Vm.Faults < 5_000) await rig.World.PointAsync(SchedulingPoint.Yield);
            rig.Vm.Status = _ => FaultStatus.Error;
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void A_ring_that_is_full_after_every_reap_is_reported_as_a_livelock()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        rig.Vm.Status = _ => FaultStatus.RingFull;
        var result = rig.Run(async () =>
        {
            while (!rig.Vcpu.IsStopped) await rig.World.PointAsync(SchedulingPoint.Retry);
        });
        Assert.Equal(ScheduleOutcome.Violated, result.Outcome);
        Assert.Equal(Checks.Invariants.MigrationProgress, result.Violations[0].Invariant);
        Assert.True(rig.Vm.Faults >= 1_000);
    }

    [Fact]
    public void A_ring_that_is_full_again_and_again_with_room_in_between_is_none()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        // 999 times in a row, one short of the bound.
        rig.Vm.Status = call => call % 1_000 == 999 ? FaultStatus.Retry : FaultStatus.RingFull;
        var result = rig.Run(async () =>
        {
            while (rig.Vm.Faults < 5_000) await rig.World.PointAsync(SchedulingPoint.Retry);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void Accesses_that_hit_the_TLB_do_not_allocate()
    {
        const int Batch = 256;
        const int Batches = 2_000;
        var rig = new VcpuRig(new RandomStrategy(1), Batch);
        long before = 0, after = 0, accesses = 0;
        rig.Program.BeforeBatch = batch =>
        {
            if (batch == 100) (before, accesses) = (GC.GetAllocatedBytesForCurrentThread(), rig.Vcpu.Counters.Accesses);
            if (batch != 100 + Batches) return;
            after = GC.GetAllocatedBytesForCurrentThread();
            accesses = rig.Vcpu.Counters.Accesses - accesses;
        };
        var result = rig.Run(async () =>
        {
            while (after == 0) await rig.World.DelayAsync(5_000);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.True(accesses >= Batches * Batch);
        // Optimised, nothing at all; in a debug build the compiler makes an object of each async call, a few for a batch.
        Assert.InRange(after - before, 0, 8 * accesses);
        output.WriteLine($"{after - before} bytes in {accesses} accesses");
    }
}
