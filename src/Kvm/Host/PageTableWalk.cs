using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// Walks over the PTEs of a range under the PTL, a bounded batch at a time: <c>zap_pte_range</c> (mm/memory.c) and <c>change_pte_range</c>
/// (mm/mprotect.c). Whether a range is open around them is the caller's, and SetPte's to check.
/// </summary>
internal static class PageTableWalk
{
    private const int PagesPerBatch = 256;

    /// <summary>Unmaps all pages of the range and drops their content, unless it comes back from elsewhere. Frames without another
    /// reference are freed after the PTL was dropped, which can be before the range's end.</summary>
    /// <returns>PTEs that were not empty</returns>
    public static async ValueTask<int> ZapAsync(
        HostState host, Operation op, AddressSpace mm, Vma vma, HvaRange pages, bool discard = true)
    {
        var zapped = 0;
        var gone = new ShortList<Pfn>();
        for (var start = pages.Start; start < pages.End; start += PagesPerBatch)
        {
            var end = EndOfBatch(start, pages);
            await mm.PageTableLock.AcquireAsync(op);
            try
            {
                // A discard that user space had begun before it stopped the VM for a hand-over is not carried out.
                var isWithdrawn = discard && !mm.IsExiting && mm.Outgoing is { IsFrozen: true };
                for (var hva = start; hva < end && !isWithdrawn; hva += 1)
                {
                    var pte = vma.PteAt(hva);
                    if (pte.IsNone) continue;
                    mm.SetPte(op, vma, hva, Pte.None, discard);
                    zapped++;
                    if (pte.IsPresent) gone.Add(pte.Pfn);
                    if (pte.IsSwap) host.Swap.Free(pte.SwapSlot);
                }
            }
            finally
            {
                mm.PageTableLock.Release(op);
            }

            await host.StepAsync();
            for (var i = 0; i < gone.Count; i++)
                if (host.Frames.Unmap(gone[i])) host.World.Trace?.Note(op, $"frees {gone[i]}");
            gone.Clear();
        }

        return zapped;
    }

    /// <summary>Replaces each PTE by what <paramref name="next"/> makes of it.</summary>
    /// <returns>PTEs that changed</returns>
    public static async ValueTask<int> ChangeAsync(
        Operation op, AddressSpace mm, Vma vma, HvaRange pages, Func<Hva, Pte, Pte> next)
    {
        var changed = 0;
        for (var start = pages.Start; start < pages.End; start += PagesPerBatch)
        {
            var end = EndOfBatch(start, pages);
            await mm.PageTableLock.AcquireAsync(op);
            try
            {
                for (var hva = start; hva < end; hva += 1)
                {
                    var pte = vma.PteAt(hva);
                    var wanted = next(hva, pte);
                    if (wanted == pte) continue;
                    mm.SetPte(op, vma, hva, wanted);
                    changed++;
                }
            }
            finally
            {
                mm.PageTableLock.Release(op);
            }
        }

        return changed;
    }

    private static Hva EndOfBatch(Hva start, HvaRange pages) => start + Math.Min(PagesPerBatch, pages.End - start);
}
