using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// Get-user-pages: <c>follow_page_pte</c> and, if the PTE does not suffice, <c>handle_mm_fault</c> (mm/gup.c, mm/memory.c), repeated until
/// it does. Demand zero (a read maps the zero frame read-only), copy on write, reuse in place, swap-in, NUMA hinting, waiting for a
/// migrating page. Runs under mmap_lock (read) and releases it for one reason only: a page that a post-copy migration still has to bring
/// (<c>handle_userfault</c>, fs/userfaultfd.c). A wait that holds the lock would, behind a queued writer, keep out the operation that
/// places the page. Simplified: "reuse" asks for a single reference (<c>wp_can_reuse_anon_folio</c>), there is no PageAnonExclusive; no
/// direct reclaim.
/// </summary>
internal sealed class PageFault(HostState host, LiveOperationSet live)
{
    /// <summary>Each attempt waits for another operation or progresses; a fault that needs more than this is livelocked.</summary>
    private const int AttemptsMax = 1 << 14;

    private readonly CopyOnWrite _copyOnWrite = new(host);

    private enum Step : byte
    {
        Done,
        BreakCow,
        WaitForMigration,
        UserFault,
        NoMemory,
    }

    /// <summary>Finds the page and takes a reference on its frame; the operation is live until then.</summary>
    /// <param name="op">the operation</param>
    /// <param name="mm">the address space</param>
    /// <param name="hva">the page</param>
    /// <param name="write">whether it must be writable</param>
    /// <param name="mayWait">FAULT_FLAG_ALLOW_RETRY: whether to sleep until user space has placed a missing page; else -EFAULT</param>
    public async ValueTask<HostPage> FaultInAsync(Operation op, AddressSpace mm, Hva hva, bool write, bool mayWait = true)
    {
        using var visit = live.Enter(op);
        host.Counters.FaultIns++;
        while (true)
        {
            if (!mm.TryGetUser(op)) return new HostPage(HostPageStatus.NoAddressSpace, Pfn.None, Writable: false);
            HostPage? found;
            try
            {
                await mm.MmapLock.DownReadAsync(op);
                try
                {
                    found = await HandleAsync(op, mm, hva, write);
                }
                finally
                {
                    mm.MmapLock.UpRead(op);
                }
            }
            finally
            {
                mm.PutUser(op);
            }

            if (found is { } page) return page;
            if (!mayWait) return new HostPage(HostPageStatus.Fault, Pfn.None, Writable: false);

            // No await since the locks were dropped: the page is missing still, and its arrival cannot be overlooked.
            host.Counters.UserFaults++;
            if (mm.Incoming is { } incoming && !await incoming.WaitAsync(op, hva))
                return new HostPage(mm.IsExiting ? HostPageStatus.NoAddressSpace : HostPageStatus.Fault, Pfn.None, Writable: false);
        }
    }

    /// <summary><c>handle_mm_fault</c>, for a caller that holds mmap_lock (read). Null is VM_FAULT_RETRY: the page has to come from user
    /// space, and the caller must wait for it without a lock.</summary>
    public async ValueTask<HostPage?> HandleAsync(Operation op, AddressSpace mm, Hva hva, bool write)
    {
        if (mm.Find(hva) is not { } vma || !vma.Permits(hva, write)) return new HostPage(HostPageStatus.Fault, Pfn.None, Writable: false);
        for (var attempt = 0; attempt < AttemptsMax; attempt++)
        {
            Step step;
            Pte pte;
            await mm.PageTableLock.AcquireAsync(op);
            try
            {
                step = HandlePte(op, mm, vma, hva, write);
                pte = vma.PteAt(hva);
            }
            finally
            {
                mm.PageTableLock.Release(op);
            }

            if (step == Step.BreakCow && !await _copyOnWrite.BreakAsync(op, mm, vma, hva, pte)) step = Step.NoMemory;
            if (step == Step.WaitForMigration) await host.Folios.WaitAsync(op, pte.Pfn);
            if (step == Step.NoMemory) return new HostPage(HostPageStatus.NoMemory, Pfn.None, Writable: false);
            if (step == Step.UserFault) return null;
            if (step == Step.Done) return new HostPage(HostPageStatus.Ok, pte.Pfn, pte.IsWritable);
            await host.StepAsync();
        }

        host.World.Observer.Violated(new Violation(
            Invariants.FaultProgress, $"{op} looked {AttemptsMax} times for {hva} of {mm} and found it changed each time", mm.Name,
            Hva: hva, Operations: [op.Id]));
        return new HostPage(HostPageStatus.Fault, Pfn.None, Writable: false);
    }

    /// <summary><c>handle_pte_fault</c> as far as it goes under the PTL. Done leaves a reference on the frame with the caller; so does
    /// BreakCow, because the copy needs it before the lock is dropped.</summary>
    private Step HandlePte(Operation op, AddressSpace mm, Vma vma, Hva hva, bool write)
    {
        var pte = vma.PteAt(hva);
        if (pte.IsMigration)
        {
            host.Counters.MigrationWaits++;
            return Step.WaitForMigration;
        }

        if (pte.IsNone && mm.Incoming is { } incoming && incoming.IsMissing(vma, hva)) return Step.UserFault;
        if (pte.IsNone && !DemandZero(op, mm, vma, hva, write)) return Step.NoMemory;
        if (pte.IsSwap && !SwapIn(op, mm, vma, hva)) return Step.NoMemory;
        if (pte.IsProtNone)
        {
            // do_numa_page: permission comes back, nothing is taken away, so no notification.
            host.Counters.NumaHints++;
            mm.SetPte(op, vma, hva, pte.AsAccessible());
        }

        pte = vma.PteAt(hva);
        if (write && !pte.IsWritable)
        {
            if (!CanReuse(pte.Pfn))
            {
                host.Frames.Get(pte.Pfn);
                return Step.BreakCow;
            }

            host.Counters.CowReuses++;
            mm.SetPte(op, vma, hva, pte.AsWritable());
        }

        host.Frames.Get(pte.Pfn);
        return Step.Done;
    }

    /// <summary><c>do_anonymous_page</c>.</summary>
    private bool DemandZero(Operation op, AddressSpace mm, Vma vma, Hva hva, bool write)
    {
        host.Counters.DemandZeroFaults++;
        if (!write)
        {
            mm.SetPte(op, vma, hva, Pte.Map(host.Frames.ZeroFrame, writable: false));
            return true;
        }

        return TryMapNew(op, mm, vma, hva, zeroed: true);
    }

    /// <summary><c>do_swap_page</c>: the frame comes from swap and is this mm's alone.</summary>
    private bool SwapIn(Operation op, AddressSpace mm, Vma vma, Hva hva)
    {
        var slot = vma.PteAt(hva).SwapSlot;
        if (!TryMapNew(op, mm, vma, hva, zeroed: false, slot)) return false;
        host.Counters.SwapIns++;
        return true;
    }

    private bool TryMapNew(Operation op, AddressSpace mm, Vma vma, Hva hva, bool zeroed, int slot = -1)
    {
        if (!host.Frames.TryAllocate(zeroed, out var pfn))
        {
            host.Counters.AllocationFailures++;
            return false;
        }

        if (slot >= 0) host.Swap.Load(slot, host.Frames.Bytes(pfn));
        host.Frames.Map(pfn, mm.Id, hva);
        host.Frames.Put(pfn);
        mm.SetPte(op, vma, hva, Pte.Map(pfn, vma.Permits(hva, write: true)));
        return true;
    }

    /// <summary>The PTE's own reference is the only one. KSM pages and the zero frame stay unchanged for later faults.</summary>
    private bool CanReuse(Pfn pfn) =>
        pfn != host.Frames.ZeroFrame && !host.Frames.IsKsm(pfn)
        && (host.Frames.RefCount(pfn) == 1 || host.Mutant == Mutant.SharedPageReused);
}
