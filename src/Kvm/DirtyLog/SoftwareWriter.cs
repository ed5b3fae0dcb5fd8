using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.Vms;
using Livebed.Kvm.World;

namespace Livebed.Kvm.DirtyLog;

/// <summary>
/// KVM's own writes to guest memory, <c>kvm_write_guest_page</c>: instruction emulation, pvclock, steal time. They go through the host
/// mapping, not an SPTE, so no fault marks them: first the data is written, then the page is marked dirty. They run on behalf of a vCPU
/// (vcpu->mutex), so a final sync that has all vCPUs out of KVM_RUN has them done.
/// </summary>
public sealed class SoftwareWriter(Vm vm)
{
    /// <summary>Writes; false where no writable memslot or host mapping is, the vCPU's dirty ring is full, or the VM is dying.</summary>
    public async ValueTask<bool> WriteAsync(Operation op, int vcpu, Gfn gfn, ulong value)
    {
        if (!vm.Users.TryGet(op, out var user)) return false;
        await vm.VcpuMutex.DownReadAsync(op);
        var written = false;
        if (!vm.IsHandedOver && vm.DirtyRings.TryClaim(vcpu))
        {
            written = await WriteClaimedAsync(op, vcpu, gfn, value);
            if (written || vm.Options.Mutant != Mutant.FailedWriteKeepsClaim) vm.DirtyRings.Unclaim(vcpu);
        }

        vm.VcpuMutex.UpRead(op);
        vm.Users.Put(op, user);
        if (written) vm.Counters.SoftwareWrites++;
        return written;
    }

    /// <summary>Writes on behalf of no vCPU, because user space asks for it: arm64's ITS saves its tables to guest memory
    /// (KVM_DEV_ARM_ITS_SAVE_TABLES). There is no ring to be full; false as above, and where nothing could log it: KVM of x86 with rings
    /// makes no such write.</summary>
    public async ValueTask<bool> WriteWithoutVcpuAsync(Operation op, Gfn gfn, ulong value)
    {
        if (!vm.Options.UsesDirtyBitmap) return false;
        if (!vm.Users.TryGet(op, out var user)) return false;
        var written = await WriteClaimedAsync(op, DirtyLogOperations.NoVcpu, gfn, value);
        vm.Users.Put(op, user);
        if (written) vm.Counters.SoftwareWrites++;
        return written;
    }

    private async ValueTask<bool> WriteClaimedAsync(Operation op, int vcpu, Gfn gfn, ulong value)
    {
        var section = vm.Srcu.ReadLock(op);
        var written = false;
        // An INVALID slot is unmapped for KVM's own accesses.
        if (vm.Memslots.Find(gfn) is { IsInvalid: false, IsReadOnly: false } slot)
        {
            written = await vm.Host.WriteUserAsync(op, slot.ToHva(gfn), gfn, value);
            await vm.World.PointAsync(SchedulingPoint.FaultStep);
            vm.Checks.Sptes.SlotUsed(op, slot);
            var marked = vm.Options.Mutant == Mutant.SoftwareWriteMarksWrongPage ? slot.BaseGfn : gfn;
            if (written && slot.LogsDirtyPages && vm.Options.Mutant != Mutant.SoftwareWriteWithoutMark)
                vm.DirtyLog.MarkPageDirty(slot, marked, vcpu);
        }

        vm.Srcu.ReadUnlock(op, section);
        return written;
    }
}
