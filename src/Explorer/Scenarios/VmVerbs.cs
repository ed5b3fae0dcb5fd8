using Livebed.Explorer.Beds;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.UserSpace;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Explorer.Scenarios;

/// <summary>What user space asks of KVM: memslots, dirty logs, writes on behalf of a vCPU, destruction.</summary>
public static class VmVerbs
{
    /// <summary>Creates the hot-plug memslot.</summary>
    public static ActorPlan Plug(this ActorPlan actor, MemslotFlags flags = MemslotFlags.None) => actor.InVm(
        flags == MemslotFlags.None ? "memslot-create" : $"memslot-create {flags}",
        stage => stage.CommandAsync(async vm => await vm.PlugAsync(stage.Bed.NewOperation(OperationKind.MemslotCreate), flags)));

    public static ActorPlan Unplug(this ActorPlan actor) => actor.InVm(
        "memslot-delete",
        stage => stage.CommandAsync(async vm => await vm.UnplugAsync(stage.Bed.NewOperation(OperationKind.MemslotDelete))));

    /// <summary>Moves the hot-plug memslot to its other place.</summary>
    public static ActorPlan MovePlugged(this ActorPlan actor, MemslotFlags flags = MemslotFlags.None) => actor.InVm(
        flags == MemslotFlags.None ? "memslot-move" : $"memslot-move {flags}",
        stage => stage.CommandAsync(async vm => await vm.PlugAsync(stage.Bed.NewOperation(OperationKind.MemslotMove), flags, moved: true)));

    /// <summary>Gives the hot-plug memslot other flags, if it is there and at its first place.</summary>
    public static ActorPlan FlagPlugged(this ActorPlan actor, MemslotFlags flags) => actor.InVm(
        $"memslot-flags {flags}",
        stage => stage.CommandAsync(async vm => await vm.PlugAsync(stage.Bed.NewOperation(OperationKind.MemslotFlags), flags)));

    /// <summary>Makes another memslot of memory in or beside RAM, at the gfn that goes with it; refused where it overlaps one. Pages are
    /// counted from the start of RAM.</summary>
    public static ActorPlan AddMemslot(this ActorPlan actor, int id, int page, int pages = 1) => actor.InVm(
        $"memslot-create {id}, {HostVerbs.Pages(page, pages)}", stage => stage.CommandAsync(async vm => await vm.SetMemslotAsync(
            stage.Bed.NewOperation(OperationKind.MemslotCreate), id, BedVm.RamGfn(page), pages, BedVm.RamHva(page))));

    public static ActorPlan RemoveMemslot(this ActorPlan actor, int id) => actor.InVm(
        $"memslot-delete {id}", stage => stage.CommandAsync(async vm => await vm.SetMemslotAsync(
            stage.Bed.NewOperation(OperationKind.MemslotDelete), id, default, pages: 0, default)));

    /// <summary>KVM_GET_DIRTY_LOG of the hot-plug memslot alone, beside any session.</summary>
    public static ActorPlan GetLogOfPlugged(this ActorPlan actor) => actor.InVm(
        "get dirty log of plugged memory", stage => stage.CommandAsync(async vm => await vm.Vm.DirtyLog.GetAsync(
            stage.Bed.NewOperation(OperationKind.DirtyLogGet), VmLayout.HotplugSlotId, new PageSet(Plugged(stage)))));

    /// <summary>KVM_CLEAR_DIRTY_LOG of the whole of it.</summary>
    public static ActorPlan ClearLogOfPlugged(this ActorPlan actor) => actor.InVm(
        "clear dirty log of plugged memory", stage => stage.CommandAsync(async vm => await vm.Vm.DirtyLog.ClearAsync(
            stage.Bed.NewOperation(OperationKind.DirtyLogGet), VmLayout.HotplugSlotId, PageSet.All(Plugged(stage)))));

    /// <summary>Switches its log on or off, whatever its flags are meanwhile.</summary>
    public static ActorPlan SetLogOfPlugged(this ActorPlan actor, bool logs) => actor.InVm(
        $"dirty log of plugged memory {(logs ? "on" : "off")}", stage => stage.CommandAsync(
            async vm => await vm.Vm.MemslotUpdates.SetLoggingAsync(
                stage.Bed.NewOperation(OperationKind.MemslotFlags), VmLayout.HotplugSlotId, logs)));

    /// <summary>Switches dirty logging of RAM on, as a migration does, and copies every page.</summary>
    public static ActorPlan EnableLog(this ActorPlan actor) => actor.InVm(
        "dirty-log enable", stage => stage.EnableLogAsync());

    /// <summary>One step of the dirty-log session by way of the process, which refuses it while a migration goes on.</summary>
    public static ActorPlan LogStep(this ActorPlan actor, DirtyLogStep step) => actor.InVm(
        $"dirty-log step: {KebabCase.Of(step)}", stage => stage.CommandAsync(async vm => await vm.Process.RunDirtyLogAsync(
            stage.Bed.NewOperation(OperationKind.DirtyLogEnable), step)));

    public static ActorPlan DisableLog(this ActorPlan actor) => actor.InVm(
        "dirty-log disable",
        stage => stage.CommandAsync(vm => vm.Session.DisableAsync(stage.Bed.NewOperation(OperationKind.DirtyLogDisable))));

    /// <summary>One round of a migration: get (or reap), clear, copy.</summary>
    public static ActorPlan LogRound(this ActorPlan actor) => actor.InVm(
        "dirty-log round",
        stage => stage.CommandAsync(async vm => await vm.Session.RoundAsync(stage.Bed.NewOperation(OperationKind.DirtyLogGet))));

    /// <summary>The final sync: vCPUs paused, and every page that was written since its last copy must be in the set (S6).</summary>
    public static ActorPlan VerifyLog(this ActorPlan actor) => actor.InVm(
        "dirty-log final sync", stage => stage.VerifyLogAsync());

    /// <summary>KVM writes on behalf of a vCPU: emulation, pvclock.</summary>
    public static ActorPlan SoftwareWrite(this ActorPlan actor, int page, int vcpu = 0) => actor.InVm(
        $"software-write page {page}", stage => stage.SoftwareWriteAsync(page, vcpu));

    /// <summary>A device of user space fills a buffer of the guest: a disk that reads, a card that receives.</summary>
    public static ActorPlan DeviceWrite(this ActorPlan actor, int page, int pages = 1) => actor.InVm(
        $"device-write {HostVerbs.Pages(page, pages)}", stage => stage.DeviceWriteAsync(page, pages));

    /// <summary>User space has KVM write a device's tables to guest memory; no vCPU runs.</summary>
    public static ActorPlan SaveTables(this ActorPlan actor, int page) => actor.InVm(
        $"save tables in page {page}", stage => stage.CommandAsync(async vm => await vm.Session.SaveTablesAsync(
            stage.Bed.NewOperation(OperationKind.SoftwareWrite), BedVm.RamGfn(page), stage.NextSoftwareToken())));

    /// <summary>Into the next entry of a vCPU's dirty ring that a reset will consume, if there is one, user space writes the last offset
    /// that there is.</summary>
    public static ActorPlan RewriteRingOffset(this ActorPlan actor, int vcpu) => actor.InVm(
        $"rewrite an offset in ring {vcpu}", stage => stage.CommandAsync(async vm =>
        {
            await stage.Bed.World.PointAsync(SchedulingPoint.GuestAccess);
            vm.Vm.DirtyRings.TryRewriteOffset(vcpu, ulong.MaxValue);
        }));

    /// <summary>User space marks RESET again what resets have consumed of a vCPU's dirty ring.</summary>
    public static ActorPlan RearmRing(this ActorPlan actor, int vcpu) => actor.InVm(
        $"arm ring {vcpu} again", stage => stage.CommandAsync(async vm =>
        {
            await stage.Bed.World.PointAsync(SchedulingPoint.GuestAccess);
            vm.Vm.DirtyRings.Rearm(vcpu);
        }));

    /// <summary>Compares SPTEs with the host's page table.</summary>
    public static ActorPlan Audit(this ActorPlan actor) => actor.InVm(
        "audit", stage => stage.CommandAsync(async vm => await vm.Vm.Auditor.AuditAsync(stage.Bed.NewOperation(OperationKind.Audit))));

    /// <summary>The last reference to the VM is dropped, by its own process or by another.</summary>
    public static ActorPlan Destroy(this ActorPlan actor, bool sharesAddressSpace) => actor.InVm(
        sharesAddressSpace ? "destroy, in the VM's process" : "destroy, in another process", async stage =>
        {
            await stage.Vm.QuiesceAsync(stage.Bed.NewOperation(OperationKind.VmDestroy));
            await stage.Vm.Vm.Teardown.DestroyAsync(stage.Bed.NewOperation(OperationKind.VmDestroy), sharesAddressSpace);
        });

    /// <summary>Another VM of the same host comes, faults its memory in and goes.</summary>
    public static ActorPlan CreateAndDestroyAnotherVm(this ActorPlan actor, TeardownOrder order) => actor.InVm(
        $"another VM comes and goes, {KebabCase.Of(order)}", async stage =>
        {
            var other = await stage.Bed.CreateVmAsync();
            await stage.TouchRamAsync(other);
            await other.TearDownAsync(stage.Bed.NewOperation(OperationKind.VmDestroy), order);
        });

    /// <summary>VM and process go, in that order, the other, or both at once.</summary>
    public static ActorPlan TearDown(this ActorPlan actor, TeardownOrder order) => actor.InVm(
        $"tear down, {KebabCase.Of(order)}",
        async stage => await stage.Vm.TearDownAsync(stage.Bed.NewOperation(OperationKind.VmDestroy), order));

    private static HvaRange Plugged(Stage stage) => new(VmLayout.HotplugHva, stage.Bed.Options.HotplugPages);
}
