using CsCheck;
using Livebed.Explorer.Scenarios;
using Livebed.Explorer.Scheduling;
using Livebed.Explorer.Strategies;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Kvm.Paging;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Paging;

/// <summary>What a vCPU is saved as, and that another one goes on from there.</summary>
public sealed class VcpuStateTests
{
    private const long Second = 1_000_000;

    [Fact]
    public void A_guest_that_moves_from_vCPU_to_vCPU_makes_each_access_once()
    {
        var spec = new SyntheticGuestSpec(100 * 4096, RandomAccess: true);
        Gen.ULong.Select(Gen.Int[0, 200].Array[1, 5], Gen.Int[0, 2]).Sample((seed, moves, statuses) =>
        {
            var rig = new VcpuRig(new RandomStrategy(seed), program: Create(spec));
            rig.Memory.Values = [];
            rig.Memory.Steps = 2;
            rig.Vm.Status = call => (statuses, call % 3) switch
            {
                (1, not 0) => FaultStatus.Retry,
                (2, not 0) => FaultStatus.RingFull,
                _ => FaultStatus.Mapped,
            };
            VcpuState? state = null;
            var result = rig.Run(async () =>
            {
                var vcpu = rig.Vcpu;
                foreach (var steps in moves)
                {
                    for (var step = 0; step < steps; step++) await rig.World.PointAsync(SchedulingPoint.Yield);
                    await vcpu.PauseAsync(rig.NewOperation());
                    state = await vcpu.SaveAsync(rig.NewOperation());
                    await vcpu.StopAsync(rig.NewOperation());
                    vcpu = rig.NewVcpu(Create(spec, state.Program), state);
                    rig.World.Spawn("moved", vcpu.RunAsync);
                }

                await vcpu.PauseAsync(rig.NewOperation());
                state = await vcpu.SaveAsync(rig.NewOperation());
                await vcpu.StopAsync(rig.NewOperation());
            });
            Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
            using var last = Create(spec, state!.Program);
            using var whole = Create(spec);
            var all = new GuestOperation[last.AccessesHandedOut];
            Assert.Equal(all.Length, whole.Next(all, 0));
            Assert.Equal(
                all.Select(access => access.Value), rig.Memory.Values.Concat(state.Pending.Select(access => access.Value)).Order());
            Assert.Equal(rig.Vm.Operations.Count, rig.Vm.Operations.Distinct().Count() + Repeated(rig));
        }, iter: 200);
    }

    [Fact]
    public void No_fault_of_the_second_vCPU_has_the_id_of_one_of_the_first()
    {
        var rig = new VcpuRig(new RandomStrategy(3));
        var faultsOfFirst = 0;
        var result = rig.Run(async () =>
        {
            while (rig.Memory.Executions == 0) await rig.World.PointAsync(SchedulingPoint.Yield);
            var (state, second) = await MoveAsync(rig);
            faultsOfFirst = rig.Vm.Operations.Count;
            rig.World.Spawn("second", second.RunAsync);
            while (rig.Vm.Operations.Count == faultsOfFirst) await rig.World.PointAsync(SchedulingPoint.Yield);
            await second.StopAsync(rig.NewOperation());
            Assert.True(state.Operations >= 1);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.Empty(rig.Vm.Operations.Take(faultsOfFirst).Intersect(rig.Vm.Operations.Skip(faultsOfFirst)));
    }

    [Fact]
    public void Between_pause_and_load_no_time_passes_for_the_guest()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        var moved = new VcpuRig.OnePageGuest();
        long ageAtPause = 0, first = -1;
        moved.BeforeBatch = batch => first = batch == 0 ? moved.NowMicroseconds : first;
        var result = rig.Run(async () =>
        {
            await rig.World.DelayAsync(5_000);
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            ageAtPause = rig.World.NowMicroseconds;
            await rig.World.DelayAsync(3 * Second);
            var state = await rig.Vcpu.SaveAsync(rig.NewOperation());
            await rig.Vcpu.StopAsync(rig.NewOperation());
            await rig.World.DelayAsync(3 * Second);
            var second = rig.NewVcpu(moved, state with { Pending = [] });
            rig.World.Spawn("second", second.RunAsync);
            while (first < 0) await rig.World.PointAsync(SchedulingPoint.Yield);
            await second.StopAsync(rig.NewOperation());
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.InRange(first, ageAtPause - 50, ageAtPause + 50);
    }

    [Fact]
    public void A_guest_that_is_paused_and_not_moved_grows_older()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        var result = rig.Run(async () =>
        {
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            await rig.World.DelayAsync(3 * Second);
            await rig.Vcpu.SaveAsync(rig.NewOperation());
            await rig.Vcpu.ResumeAsync(rig.NewOperation());
            await rig.World.DelayAsync(1_000);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
        Assert.InRange(rig.Program.NowMicroseconds, 3 * Second, 4 * Second);
    }

    [Fact]
    public void Only_a_paused_vCPU_is_saved()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        var result = rig.Run(async () =>
        {
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await rig.Vcpu.SaveAsync(rig.NewOperation()));
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            await rig.Vcpu.SaveAsync(rig.NewOperation());
            await rig.Vcpu.ResumeAsync(rig.NewOperation());
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await rig.Vcpu.SaveAsync(rig.NewOperation()));
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void A_guest_that_has_halted_is_saved_and_is_halted_where_it_goes()
    {
        GuestOperation[] script = [new GuestOperation(new Gfn(1), GuestAccessKind.Write, 5)];
        var rig = new VcpuRig(new RandomStrategy(1), program: new ScriptedGuest(script));
        var result = rig.Run(async () =>
        {
            while (!rig.Vcpu.IsStopped) await rig.World.PointAsync(SchedulingPoint.Yield);
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            var state = await rig.Vcpu.SaveAsync(rig.NewOperation());
            var second = rig.NewVcpu(new ScriptedGuest(script, state.Program), state);
            Assert.True(second.IsHalted);
            Assert.False(rig.NewVcpu(new ScriptedGuest(script, state.Program), state with { Pending = script }).IsHalted);
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void A_vCPU_that_failed_is_not_saved()
    {
        var rig = new VcpuRig(new RandomStrategy(1));
        rig.Vm.Status = _ => FaultStatus.Dead;
        var result = rig.Run(async () =>
        {
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            await rig.Vcpu.ResumeAsync(rig.NewOperation());
            while (!rig.Vcpu.IsStopped) await rig.World.PointAsync(SchedulingPoint.Yield);
            await rig.Vcpu.PauseAsync(rig.NewOperation());
            await Assert.ThrowsAsync<InvalidOperationException>(async () => await rig.Vcpu.SaveAsync(rig.NewOperation()));
        });
        Assert.True(result.Outcome == ScheduleOutcome.Completed, result.ToString());
    }

    [Fact]
    public void A_state_that_does_not_fit_is_refused()
    {
        var rig = new VcpuRig(new RandomStrategy(1), batch: 2);
        var state = new VcpuState(0, [], 0, new GuestState([]), 0);
        Assert.Throws<ArgumentException>(() => rig.NewVcpu(rig.Program, state, index: 1));
        Assert.Throws<ArgumentException>(() => rig.NewVcpu(rig.Program, state with { Pending = new GuestOperation[3] }));
        Assert.Throws<ArgumentException>(() => rig.NewVcpu(rig.Program, state with { GuestMicroseconds = -1 }));
        Assert.Throws<ArgumentException>(() => new ScriptedGuest([], new GuestState([(long)GuestStateKind.Scripted, 1])));
        Assert.Throws<ArgumentException>(() => new ScriptedGuest([], new GuestState([(long)GuestStateKind.Trace, 0])));
    }

    /// <summary>Faults that a retry repeats have one id.</summary>
    private static int Repeated(VcpuRig rig) => rig.Vm.Operations.Zip(rig.Vm.Operations.Skip(1)).Count(pair => pair.First == pair.Second);

    private static async ValueTask<(VcpuState State, Vcpu Second)> MoveAsync(VcpuRig rig)
    {
        await rig.Vcpu.PauseAsync(rig.NewOperation());
        var state = await rig.Vcpu.SaveAsync(rig.NewOperation());
        await rig.Vcpu.StopAsync(rig.NewOperation());
        return (state, rig.NewVcpu(rig.Program, state));
    }

    private static IPacedGuestProgram Create(GuestSpec spec, GuestState? state = null) => spec.Create(7, 1, 0, 1, new Gfn(0), 4096, state);
}
