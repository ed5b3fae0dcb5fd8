using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Memslots;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Vms;

/// <summary>
/// <c>kvm_destroy_vm</c> (virt/kvm/kvm_main.c, kvm-protocol section 7): wait for the last user, unregister the notifier, and reset what a
/// range without its end has left. A destroyer in the VM's own process then deletes the private memslots; a lock or count that was not
/// reset hangs there. When the address space has exited first, unregister finds the notifier unhashed already.
/// </summary>
public sealed class VmTeardown(Vm vm)
{
    /// <summary>Where the private slots lie: beyond any guest page and any VMA that events touch.</summary>
    public static readonly Gfn PrivateGfn = new(1L << 39);

    public static readonly Hva PrivateHva = new(1L << 40);

    public const int PrivateSlots = 3;

    /// <summary><c>kvm_vm_ioctl_set_tss_addr</c> and its like: the slots that KVM itself makes for an x86 VM.</summary>
    public async ValueTask CreatePrivateSlotsAsync(Operation op)
    {
        await vm.SlotsLock.AcquireAsync(op);
        for (var i = 0; i < PrivateSlots; i++)
            await vm.MemslotUpdates.SetLockedAsync(
                op, new MemslotChange(MemslotUpdater.FirstPrivateId + i, PrivateGfn + i, 1, PrivateHva + i, MemslotFlags.None));
        vm.SlotsLock.Release(op);
    }

    /// <summary>Destroys; the vCPUs must have been stopped. False when another destroyer came first.</summary>
    public async ValueTask<bool> DestroyAsync(Operation op, bool sharesAddressSpace)
    {
        using (vm.World.Observer.Phase(op, "destroy.wait-users"))
            if (!await vm.Users.CloseAsync(op))
                return false;
        var resetsEarly = vm.Options.Mutant == Mutant.ResetBeforeUnregister && vm.Protocol.ActiveInvalidations > 0;
        if (resetsEarly)
        {
            Reset(op);
            await vm.World.PointAsync(SchedulingPoint.Preempt);
        }

        using (vm.World.Observer.Phase(op, "destroy.unregister")) await vm.Host.UnregisterNotifierAsync(op, vm.Notifier);
        vm.Checks.Ranges.Unregistered();
        if (!resetsEarly) Reset(op);

        using (vm.World.Observer.Phase(op, "destroy.private-slots"))
            if (sharesAddressSpace)
                await DeletePrivateSlotsAsync(op);

        vm.Counters.ChecksEvaluated++;
        if (vm.Sptes.Present > 0)
            vm.Violated(Invariants.Teardown, $"{vm.Sptes.Present} SPTEs are left after unregister", operations: op.Id);
        vm.Locks.CheckNoneIsHeld();
        return true;
    }

    /// <summary>Legal only after unregister: until then a range may still get its end.</summary>
    private void Reset(Operation op)
    {
        vm.Checks.Contract.ResetCalled(op);
        if (!vm.Protocol.ResetAtDestroy())
            vm.Violated(Invariants.Teardown, "destroy resets a lock that has a waiter", operations: op.Id);
    }

    private async ValueTask DeletePrivateSlotsAsync(Operation op)
    {
        await vm.SlotsLock.AcquireAsync(op);
        for (var i = 0; i < PrivateSlots; i++)
            await vm.MemslotUpdates.SetLockedAsync(
                op, new MemslotChange(MemslotUpdater.FirstPrivateId + i, PrivateGfn + i, 0, PrivateHva + i, MemslotFlags.None));
        vm.Counters.ChecksEvaluated++;
        if (vm.Memslots.Active.Slots.Any(slot => slot.Id >= MemslotUpdater.FirstPrivateId))
            vm.Violated(Invariants.Teardown, "a memslot of KVM's own is left after destroy", operations: op.Id);
        vm.SlotsLock.Release(op);
    }
}
