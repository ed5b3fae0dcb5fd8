using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary>
/// <c>try_to_merge_one_page</c> (mm/ksm.c): turns one mapping into a mapping of a KSM page, in two complete invalidations (kvm-protocol
/// 6.2). First it write-protects, with the reference test that skips pinned pages; then it compares; then it replaces, if the PTE has not
/// changed. Under mmap_lock (read) and the folio lock. The caller holds one reference on the page.
/// </summary>
internal sealed class PageMerger(HostState host)
{
    /// <summary>Makes the page itself a KSM page (<paramref name="kpage"/> None) or replaces it by one; false when it gave up.</summary>
    public async ValueTask<bool> TryMergeAsync(Operation op, KsmItem item, Pfn page, Pfn kpage, long holdMicroseconds)
    {
        await item.Mm.MmapLock.DownReadAsync(op);
        try
        {
            if (!host.Folios.TryLock(op, page)) return false;
            try
            {
                if (await WriteProtectAsync(op, item, page, holdMicroseconds) is not { } protectedPte) return false;
                if (kpage.IsNone) return await TryMarkAsync(op, item, protectedPte);

                // No operation can write either page now: the one is read-only, the other is a KSM page.
                host.World.Trace?.Made(ModelStep.PageCompare, 1);
                if (!host.Frames.Bytes(page).SequenceEqual(host.Frames.Bytes(kpage))) return false;
                return await TryReplaceAsync(op, item, protectedPte, kpage, holdMicroseconds);
            }
            finally
            {
                host.Folios.Unlock(op, page);
            }
        }
        finally
        {
            item.Mm.MmapLock.UpRead(op);
        }
    }

    /// <summary><c>write_protect_page</c>; the PTE that it left behind, null when the page was gone or pinned.</summary>
    private async ValueTask<Pte?> WriteProtectAsync(Operation op, KsmItem item, Pfn page, long holdMicroseconds)
    {
        Pte? result = null;
        await InvalidateAsync(op, item, holdMicroseconds, async () =>
        {
            var pte = item.Pte;
            if (!pte.IsAccessible || pte.Pfn != page) return 0;
            item.Mm.SetPte(op, item.Vma, item.Hva, Pte.None);
            await host.StepAsync();

            // Beside the mappings' references there is ours, and no other: a fault that has looked the page up has one too.
            if (host.Frames.RefCount(page) != host.Frames.MapCount(page) + 1 && host.Mutant != Mutant.PinsNotCounted)
            {
                host.Counters.KsmPinned++;
                host.World.Reached(ReachedCase.MergeGivenUp);
                item.Mm.SetPte(op, item.Vma, item.Hva, pte);
                return 0;
            }

            result = pte.AsReadOnly();
            item.Mm.SetPte(op, item.Vma, item.Hva, pte.AsReadOnly());
            return 1;
        });
        return result;
    }

    /// <summary><c>folio_set_stable_node</c> on the page itself. Permissions stay as they are, so no notification.</summary>
    private async ValueTask<bool> TryMarkAsync(Operation op, KsmItem item, Pte protectedPte)
    {
        await item.Mm.PageTableLock.AcquireAsync(op);
        try
        {
            if (item.Pte != protectedPte) return false;
            host.Frames.MarkKsm(protectedPte.Pfn);
            item.Mm.SetPte(op, item.Vma, item.Hva, protectedPte.AsKsm());
            return true;
        }
        finally
        {
            item.Mm.PageTableLock.Release(op);
        }
    }

    /// <summary><c>replace_page</c>.</summary>
    private async ValueTask<bool> TryReplaceAsync(Operation op, KsmItem item, Pte protectedPte, Pfn kpage, long holdMicroseconds)
    {
        var replaced = await InvalidateAsync(op, item, holdMicroseconds, async () =>
        {
            if (item.Pte != protectedPte) return 0;
            host.Frames.Map(kpage, item.Mm.Id, item.Hva);
            item.Mm.SetPte(op, item.Vma, item.Hva, Pte.None);
            await host.StepAsync();
            await item.Mm.Subscriptions.ChangePteAsync(op, item.Hva, kpage);
            item.Mm.SetPte(op, item.Vma, item.Hva, Pte.Map(kpage, writable: false, ksm: true));
            if (host.Frames.Unmap(protectedPte.Pfn)) host.World.Trace?.Note(op, $"frees {protectedPte.Pfn}");
            return 1;
        });
        if (replaced == 0) return false;
        host.Counters.KsmMerges++;
        host.World.Reached(ReachedCase.PageMerged);
        return true;
    }

    /// <summary>Runs a change of the one PTE under the PTL inside a CLEAR range; the mutant leaves the range out.</summary>
    private async ValueTask<int> InvalidateAsync(Operation op, KsmItem item, long holdMicroseconds, Func<ValueTask<int>> change)
    {
        if (host.Mutant == Mutant.KsmWithoutNotifier) return await UnderPageTableLockAsync();
        return await item.Mm.Ranges.WithinAsync(
            op, new HvaRange(item.Hva, 1), MmuNotifierEvent.Clear, holdMicroseconds, UnderPageTableLockAsync);

        async ValueTask<int> UnderPageTableLockAsync()
        {
            await item.Mm.PageTableLock.AcquireAsync(op);
            try
            {
                return await change();
            }
            finally
            {
                item.Mm.PageTableLock.Release(op);
            }
        }
    }
}
