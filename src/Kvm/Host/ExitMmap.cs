using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// The end of a process's memory (<c>exit_mmap</c>, kvm-protocol 7 path B): the last user goes; every subscriber releases and is unhashed;
/// only then the pages go. An unregister of the same VM may run at the same time. Keeps: pages of an mm are freed only after every
/// secondary MMU has zapped.
/// </summary>
internal sealed class ExitMmap(HostState host)
{
    /// <summary>False when the address space is exiting already.</summary>
    public async ValueTask<bool> RunAsync(Operation op, AddressSpace mm)
    {
        if (mm.IsExiting) return false;
        await mm.BecomeLastUserAsync(op);
        try
        {
            await mm.Subscriptions.ReleaseAsync(op);
            mm.IsReleased = true;
            await host.StepAsync();
            await mm.MmapLock.DownWriteAsync(op);
            try
            {
                foreach (var vma in mm.Vmas) await PageTableWalk.ZapAsync(host, op, mm, vma, vma.Range);
            }
            finally
            {
                mm.MmapLock.UpWrite(op);
            }
        }
        finally
        {
            mm.MmUsers.UpWrite(op);
        }

        host.Remove(mm);
        host.Counters.AddressSpaceExits++;
        mm.Drop();
        return true;
    }
}
