using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Events;

/// <summary>
/// Compaction (<c>migrate_pages</c>): moves pages to other frames. It takes the folio lock. In a CLEAR range the PTE becomes a migration
/// entry (<c>try_to_migrate_one</c>). After its end it copies; then the PTE maps the new frame (<c>remove_migration_ptes</c>) and the old
/// one is freed. Faults wait for the folio lock meanwhile. Gives a page up when it has more references than expected. Through the rmap: no
/// mm_users and no mmap_lock. Simplified: shared and KSM pages are left alone.
/// </summary>
internal sealed class PageMigration(HostState host) : IHostEventSource
{
    public async ValueTask<HostEventResult> RunAsync(Operation op, AddressSpace mm, HostEvent ev)
    {
        int moved = 0, tried = 0;
        foreach (var (vma, pages) in mm.Pieces(ev.Range))
            for (var hva = pages.Start; hva < pages.End; hva += 1)
            {
                var pte = vma.PteAt(hva);
                if (!SwapOut.IsCandidate(host, pte) || !host.Folios.TryLock(op, pte.Pfn)) continue;
                tried++;
                host.Frames.Get(pte.Pfn);
                try
                {
                    if (!host.Frames.TryAllocate(zeroed: false, out var target))
                    {
                        host.Counters.AllocationFailures++;
                        return new HostEventResult(HostEventStatus.NoMemory, moved);
                    }

                    try
                    {
                        if (await MoveAsync(op, mm, vma, hva, pte.Pfn, target, ev.HoldMicroseconds)) moved++;
                    }
                    finally
                    {
                        host.Frames.Put(target);
                    }
                }
                finally
                {
                    host.Folios.Unlock(op, pte.Pfn);
                    if (host.Frames.Put(pte.Pfn)) host.World.Trace?.Note(op, $"frees {pte.Pfn}");
                }
            }

        return tried > 0 && moved == 0 ? HostEventResult.Busy : HostEventResult.Of(moved);
    }

    private async ValueTask<bool> MoveAsync(
        Operation op, AddressSpace mm, Vma vma, Hva hva, Pfn source, Pfn target, long holdMicroseconds)
    {
        await mm.RmapLock.DownReadAsync(op);
        try
        {
            var unmapped = await mm.Ranges.WithinAsync(
                op, new HvaRange(hva, 1), MmuNotifierEvent.Clear, holdMicroseconds, () => UnmapAsync(op, mm, vma, hva, source));
            if (unmapped == 0) return false;
        }
        finally
        {
            mm.RmapLock.UpRead(op);
        }

        await host.StepAsync();

        // folio_migrate_mapping: the isolation's reference is the only one that may be left.
        var isHeld = host.Frames.RefCount(source) != 1 && host.Mutant != Mutant.PinsNotCounted;
        if (isHeld)
        {
            host.Counters.PageMigrationsGivenUp++;
            host.World.Reached(ReachedCase.HeldPageLeft);
        }
        else
        {
            host.Frames.Copy(source, target);
        }

        await host.StepAsync();
        var restored = await RemoveMigrationEntryAsync(op, mm, vma, hva, source, isHeld ? source : target);
        if (isHeld || !restored) return false;
        host.Counters.PageMigrations++;
        return true;
    }

    private async ValueTask<int> UnmapAsync(Operation op, AddressSpace mm, Vma vma, Hva hva, Pfn source)
    {
        await mm.PageTableLock.AcquireAsync(op);
        try
        {
            var pte = vma.PteAt(hva);
            if (!pte.IsPresent || pte.Pfn != source || host.Frames.MapCount(source) != 1) return 0;
            mm.SetPte(op, vma, hva, Pte.MigrationEntry(source, pte.IsWritable));
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }

        await host.StepAsync();
        host.Frames.Unmap(source);
        return 1;
    }

    /// <summary>False when the entry was zapped meanwhile: then the page is not needed any more.</summary>
    private async ValueTask<bool> RemoveMigrationEntryAsync(Operation op, AddressSpace mm, Vma vma, Hva hva, Pfn source, Pfn target)
    {
        await mm.PageTableLock.AcquireAsync(op);
        try
        {
            var entry = vma.PteAt(hva);
            if (!entry.IsMigration || entry.Pfn != source) return false;
            host.Frames.Map(target, mm.Id, hva);
            mm.SetPte(op, vma, hva, Pte.Map(target, entry.IsWritable));
            return true;
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }
    }
}
