using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Tests.Host;

public class NotifierSubscriptionTests
{
    [Fact]
    public void After_a_refusal_exactly_those_whose_start_succeeded_get_an_end() => Run(null, async rig =>
    {
        var vms = await RegisterAsync(rig, 3);
        vms[1].Refuses = true;

        Assert.Equal(HostEventResult.Busy, await rig.RunAsync(HostEventKind.OomReap, HostRig.Ram, 1));

        Assert.All(vms, vm => Assert.Equal(vm.Starts, vm.Ends));
        Assert.Equal([1, 0, 1], vms.Select(vm => vm.Ends.Count));
        Assert.Equal(0, rig.Host.Usage.OpenRanges);
    });

    [Fact]
    public void The_mutant_leaves_those_without_an_end() => Run(Mutant.EndSkippedAfterEagain, async rig =>
    {
        var vms = await RegisterAsync(rig, 2);
        vms[0].Refuses = true;
        await rig.RunAsync(HostEventKind.OomReap, HostRig.Ram, 1);
        Assert.Single(vms[1].Starts);
        Assert.Empty(vms[1].Ends);
    });

    [Fact]
    public void Unregister_waits_for_the_callback_that_runs_and_the_end_then_finds_nobody() => Run(null, async rig =>
    {
        var vm = (await RegisterAsync(rig, 1))[0];
        vm.StartGate = new TaskCompletionSource();
        var zap = rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1, hold: 100).AsTask();
        var unregister = rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vm).AsTask();
        await rig.World.DelayAsync(50);
        Assert.False(unregister.IsCompleted);
        var wait = Assert.Single(rig.Host.Locks.Waits());
        Assert.Equal("mmu_notifier_srcu", wait.LockClass);
        Assert.Equal(HostEventKind.DontNeed, Assert.Single(wait.Blockers).Kind);

        vm.StartGate.SetResult();
        await unregister;
        Assert.False(zap.IsCompleted);
        await zap;

        Assert.Equal(["release", "start 100+1 Clear"], vm.Log);
        Assert.Equal(0, rig.Host.Usage.Subscriptions);
    });

    [Fact]
    public void Registration_waits_until_no_range_is_open_so_no_end_comes_without_its_start() => Run(null, async rig =>
    {
        var held = rig.Op(HostEventKind.HeldRange);
        await rig.Host.OpenRangeAsync(held, new HostEvent(HostEventKind.HeldRange, 0, new HvaRange(HostRig.Ram, 1)));
        var vm = new RecordingSubscriber();
        var register = rig.Host.Process(0).RegisterNotifierAsync(rig.Op(OperationKind.VmCreate), vm).AsTask();
        await rig.World.DelayAsync(10);
        Assert.False(register.IsCompleted);

        await rig.Host.CloseRangeAsync(held);

        Assert.True(await register);
        Assert.Empty(vm.Log);
    });

    [Fact]
    public void A_subscriber_that_left_before_the_walk_reached_it_is_not_called() => Run(null, async rig =>
    {
        var vms = await RegisterAsync(rig, 2);

        // The last to register is the first to be called.
        vms[1].StartGate = new TaskCompletionSource();
        var zap = rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1).AsTask();
        var unregister = rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vms[0]).AsTask();
        await rig.World.DelayAsync(1);
        vms[1].StartGate!.SetResult();
        await zap;
        await unregister;

        Assert.Equal(["release"], vms[0].Log);
    });

    [Fact]
    public void Start_and_end_are_two_srcu_sections() => Run(null, async rig =>
    {
        var vm = (await RegisterAsync(rig, 1))[0];
        var held = rig.Op(HostEventKind.HeldRange);
        await rig.Host.OpenRangeAsync(held, new HostEvent(HostEventKind.HeldRange, 0, new HvaRange(HostRig.Ram, 1)));

        // Between them nothing keeps the subscriber, so this does not wait.
        await rig.Host.Process(0).UnregisterNotifierAsync(rig.Op(OperationKind.VmDestroy), vm);
        await rig.Host.CloseRangeAsync(held);

        Assert.Equal(["start 100+1 Clear", "release"], vm.Log);
    });

    [Fact]
    public void A_refused_blockable_range_is_reported() => Run(null, async rig =>
    {
        await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), new RefusingSubscriber());
        await rig.RunAsync(HostEventKind.DontNeed, HostRig.Ram, 1);
        Assert.Equal([Invariants.Balance], rig.Violations);
    });

    [Fact]
    public void Two_registrations_of_one_subscriber_are_refused() => Run(null, async rig =>
    {
        var vm = (await RegisterAsync(rig, 1))[0];
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm));
        Assert.Empty(rig.Host.LiveOperations);
        await rig.RunAsync(HostEventKind.Unmap, HostRig.Ram, 1);
    });

    private static async Task<RecordingSubscriber[]> RegisterAsync(HostRig rig, int count)
    {
        var vms = Enumerable.Range(0, count).Select(vm => new RecordingSubscriber($"vm-{vm}")).ToArray();
        foreach (var vm in vms) Assert.True(await rig.Host.Process(0).RegisterNotifierAsync(rig.Op(), vm));
        return vms;
    }

    private static void Run(Mutant? mutant, Func<HostRig, Task> body)
    {
        var world = new TestWorld();
        var rig = new HostRig(world, mutant: mutant);
        world.Run(() => body(rig));
    }
}
