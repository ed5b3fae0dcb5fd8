using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>try_to_unmap_one</c> and the writing-out around it (mm/rmap.c, mm/vmscan.c): replaces one PTE by a swap entry. The caller holds the rmap lock
/// and has a range open that covers the page. A page that somebody holds (GUP), shares or merged stays where it is.
/// Simplified: no swap cache, so a page that turns out to be held is put back at once; shared and KSM pages are never swapped.
/// </summary>
internal static class SwapOut
{
    /// <summary>Whether reclaim would look at the page at all.</summary>
    public static bool IsCandidate(Machine machine, Pte pte) =>
        pte.IsPresent && pte.Pfn != machine.Frames.ZeroFrame && !machine.Frames.IsKsm(pte.Pfn) && machine.Frames.MapCount(pte.Pfn) == 1;

    /// <summary>True when the page is in swap now; false when it is no candidate, locked or held, or swap is full.</summary>
    public static async ValueTask<bool> TryUnmapAsync(Machine machine, Operation op, AddressSpace mm, Vma vma, Hva hva)
    {
        var pte = vma.PteAt(hva);
        if (!IsCandidate(machine, pte) || !machine.Folios.TryLock(op, pte.Pfn)) return false;
        machine.Frames.Get(pte.Pfn);
        try
        {
            if (!await TryReplaceAsync(machine, op, mm, vma, hva, pte.Pfn)) return false;
            await machine.StepAsync();
            machine.Frames.Unmap(pte.Pfn);
            machine.Counters.SwapOuts++;
            return true;
        }
        finally
        {
            machine.Folios.Unlock(op, pte.Pfn);
            if (machine.Frames.Put(pte.Pfn)) machine.World.Trace?.Note(op, $"frees {pte.Pfn}");
        }
    }

    private static async ValueTask<bool> TryReplaceAsync(Machine machine, Operation op, AddressSpace mm, Vma vma, Hva hva, Pfn pfn)
    {
        await mm.PageTableLock.AcquireAsync(op);
        try
        {
            var pte = vma.PteAt(hva);
            if (!pte.IsPresent || pte.Pfn != pfn) return false;
            mm.SetPte(op, vma, hva, Pte.None);
            await machine.StepAsync();

            // One reference is the mapping's, one is ours; whoever holds a third is about to use the page.
            var isHeld = machine.Frames.RefCount(pfn) != 2 || machine.Frames.MapCount(pfn) != 1;
            if (isHeld || !machine.Swap.TryStore(machine.Frames.Bytes(pfn), out var slot))
            {
                mm.SetPte(op, vma, hva, pte);
                return false;
            }

            mm.SetPte(op, vma, hva, Pte.SwapEntry(slot));
            return true;
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }
    }
}
