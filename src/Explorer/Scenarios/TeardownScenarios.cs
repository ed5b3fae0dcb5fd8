using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Host.Events;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>A VM or its process goes while ranges are open.</summary>
internal static class TeardownScenarios
{
    public static IReadOnlyList<Scenario> All { get; } =
    [
        new DestroyInRange(),
        new DestroyBothPaths(),
        new DestroyVsIoctl(),
    ];
}

/// <summary>
/// Claim: a VM that is destroyed between start and end of a range neither hangs nor leaves anything behind (L3, S11). The range's end comes
/// before, while, or after the notifier is unregistered; in the last case KVM never hears of it, and what start held must be reset
/// (kvm-protocol 2.6). It hangs only a destroyer that shares the VM's address space, as that one deletes KVM's own memslots, so both are to
/// be tried.
/// </summary>
internal sealed class DestroyInRange : Scenario
{
    public override string Name => "destroy-in-range";
    public override string Claim => "a VM destroyed inside of a range goes, and leaves nothing behind";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.DestroyInsideRange, ReachedCase.EndAfterDestroyBegan];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("shares", "1: the destroyer is the VM's own process, 0: another one", 1, 0, 1),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasPrivateSlots = true };
        plan.VmSurvives = false;
        plan.Vcpu().Write(0).Read(1);
        plan.Actor("mm").OpenRange(0).CloseRange();
        plan.Actor("kswapd").Reclaim(0, 2);
        plan.Actor("user").Destroy(plan.Parameter("shares") == 1);
        plan.After(stage => stage.EndAsync(TeardownOrder.VmFirst));
    }
}

/// <summary>
/// Claim: SPTEs are dropped once and everything is given back, whether the VM goes first, its process does, or both at once (S11, L3). The
/// destroyer unregisters while exit_mmap calls release, and each finds the other half done (kvm-protocol 7, B38). A range is open
/// meanwhile, and reclaim goes on.
/// </summary>
internal sealed class DestroyBothPaths : Scenario
{
    public override string Name => "destroy-both-paths";
    public override string Claim => "VM and process may go in any order, or at once, and nothing is left";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.ReleasedTwice, ReachedCase.DestroyInsideRange];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("order", "0: VM first, by another process; 1: VM first, by its own; 2: process first; 3: at once", 3, 0, 3),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasPrivateSlots = true };
        plan.VmSurvives = false;
        plan.Vcpu().Write(0);
        plan.Actor("mm").Event(HostEventKind.HeldRange, 0, 2);
        plan.Actor("kswapd").Reclaim(1);
        plan.Actor("user").TearDown((TeardownOrder)plan.Parameter("order"));
        plan.After(stage => stage.EndAsync(TeardownOrder.VmFirst));
    }
}

/// <summary>
/// Claim: a VM is destroyed when no ioctl of another thread is under way any more, and each of those finds the VM whole or is refused (S11,
/// L3). The threads have file descriptors of their own, so nothing but <c>kvm-&gt;users_count</c> keeps the VM for them (kvm-protocol 7).
/// </summary>
internal sealed class DestroyVsIoctl : Scenario
{
    public override string Name => "destroy-vs-ioctl";
    public override string Claim => "a VM outlives the ioctls that are under way, and takes no other";
    public override IReadOnlyList<ReachedCase> Needs { get; } = [ReachedCase.EndAfterDestroyBegan];

    public override IReadOnlyList<ScenarioParameter> Parameters =>
    [
        new("shares", "1: the destroyer is the VM's own process, 0: another one", 1, 0, 1),
    ];

    public override void LayOut(ScenarioPlan plan)
    {
        plan.Options = plan.Options with { HasPrivateSlots = true, DirtyLog = DirtyLogMode.Bitmap };
        plan.VmSurvives = false;
        plan.Before(stage => stage.TouchRamAsync());
        plan.Actor("thread-0").InVm("memslot-create, by itself", async stage => await stage.Vm.Vm.MemslotUpdates.SetAsync(
            stage.Bed.NewOperation(OperationKind.MemslotCreate),
            new MemslotChange(VmLayout.HotplugSlotId, VmLayout.HotplugGfn, 1, VmLayout.HotplugHva, MemslotFlags.None)));
        plan.Actor("thread-1").InVm("dirty log on, read and off, by itself", async stage =>
        {
            var vm = stage.Vm.Vm;
            await vm.MemslotUpdates.SetLoggingAsync(stage.Bed.NewOperation(OperationKind.MemslotFlags), id: 0, logs: true);
            if (vm.Memslots.Active.ById(0) is { } slot)
                await vm.DirtyLog.GetAsync(stage.Bed.NewOperation(OperationKind.DirtyLogGet), slot.Id, new PageSet(slot.Hvas));
            await vm.MemslotUpdates.SetLoggingAsync(stage.Bed.NewOperation(OperationKind.MemslotFlags), id: 0, logs: false);
        });
        plan.Actor("mm").DontNeed(0);
        plan.Actor("user").Destroy(plan.Parameter("shares") == 1);
        plan.After(stage => stage.EndAsync(TeardownOrder.VmFirst));
    }
}
