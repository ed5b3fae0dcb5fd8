using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// Accesses of user space and of KVM's own code to guest memory, through the process's page table: <c>copy_to_user</c> and the copy-out of
/// a migration. Of a copy only the content that was copied last is kept; S6 is judged by it.
/// </summary>
internal sealed class UserMemory(HostState host, PageFault faults)
{
    /// <summary>Pages named by one call of <see cref="ChangedSinceCopy"/>.</summary>
    private const int ChangedMax = 16;

    /// <summary>Stores the value, faulting the page in as often as it takes; false is -EFAULT, also for want of memory.</summary>
    public async ValueTask<bool> WriteAsync(Operation op, AddressSpace mm, Hva hva, ulong value)
    {
        while (!mm.IsExiting)
        {
            if (mm.GuestMemory.TryStore(hva, value))
            {
                host.Counters.UserWrites++;
                return true;
            }

            var page = await faults.FaultInAsync(op, mm, hva, write: true);
            if (page.Status != HostPageStatus.Ok) return false;

            // The store must come before another operation takes the page away again, so there is no scheduling point in between.
            host.Frames.Put(page.Pfn);
        }

        return false;
    }

    /// <summary><c>pin_user_pages</c> (mm/gup.c): a device gets the frame of a page, and writes to that frame later, whatever the page
    /// table says then. Reclaim, compaction and KSM leave a page with such a reference alone. A discard or a fork meanwhile
    /// is the process's own fault.</summary>
    public async ValueTask<bool> WritePinnedAsync(Operation op, AddressSpace mm, Hva hva, ulong value)
    {
        var page = await faults.FaultInAsync(op, mm, hva, write: true);
        if (page.Status != HostPageStatus.Ok) return false;
        await host.StepAsync();
        await host.StepAsync();
        mm.GuestMemory.Store(hva, page.Pfn, value);
        host.Frames.Put(page.Pfn);
        return true;
    }

    /// <inheritdoc cref="IHostPort.CopyPagesAsync"/>
    public static void Copy(AddressSpace mm, PageSet pages)
    {
        lock (mm.Bus)
        {
            foreach (var hva in pages)
                if (mm.Find(hva) is { } vma)
                    vma.Copied(hva);
        }
    }

    /// <inheritdoc cref="IHostPort.ChangedSinceCopyAsync"/>
    public static IReadOnlyList<Hva> ChangedSinceCopy(AddressSpace mm, PageSet dirty)
    {
        List<Hva>? changed = null;
        lock (mm.Bus)
        {
            for (var hva = dirty.Range.Start; hva < dirty.Range.End && (changed?.Count ?? 0) < ChangedMax; hva += 1)
            {
                if (dirty.Contains(hva) || mm.Find(hva) is not { } vma) continue;
                if (vma.IsChangedSinceCopy(hva)) (changed ??= []).Add(hva);
            }
        }

        return changed ?? (IReadOnlyList<Hva>)[];
    }
}
