using System.Diagnostics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host;

/// <summary>
/// <c>try_to_unmap_one</c> and the writing-out around it (mm/rmap.c, mm/vmscan.c): replaces one PTE by a swap entry. The caller holds the
/// rmap lock and has a range open that covers the page. A page that is pinned (GUP), shared or merged is left alone. Simplified: no swap
/// cache, so a page that turns out to be pinned is put back at once; shared and KSM pages are never swapped.
/// </summary>
internal static class SwapOut
{
    /// <summary>Whether reclaim would look at the page at all.</summary>
    public static bool IsCandidate(HostState host, Pte pte) =>
        pte.IsPresent && pte.Pfn != host.Frames.ZeroFrame && !host.Frames.IsKsm(pte.Pfn) && host.Frames.MapCount(pte.Pfn) == 1;

    /// <summary>True when the page is in swap now; false when it is no candidate, locked or held, or swap is full.</summary>
    public static async ValueTask<bool> TryUnmapAsync(HostState host, Operation op, AddressSpace mm, Vma vma, Hva hva)
    {
        var pte = vma.PteAt(hva);
        if (!IsCandidate(host, pte) || !host.Folios.TryLock(op, pte.Pfn)) return false;
        host.Frames.Get(pte.Pfn);
        try
        {
            if (!await TryReplaceAsync(host, op, mm, vma, hva, pte.Pfn)) return false;
            await host.StepAsync();
            host.Frames.Unmap(pte.Pfn);
            host.Counters.SwapOuts++;
            return true;
        }
        finally
        {
            host.Folios.Unlock(op, pte.Pfn);
            if (host.Frames.Put(pte.Pfn)) host.World.Trace?.Note(op, $"frees {pte.Pfn}");
        }
    }

    private static async ValueTask<bool> TryReplaceAsync(HostState host, Operation op, AddressSpace mm, Vma vma, Hva hva, Pfn pfn)
    {
        await mm.PageTableLock.AcquireAsync(op);
        try
        {
            var pte = vma.PteAt(hva);
            if (!pte.IsPresent || pte.Pfn != pfn) return false;
            if (host.Mutant == Mutant.SwappedBeforeUnmapped && host.Swap.TryStore(host.Frames.Bytes(pfn), out var early))
            {
                await host.StepAsync();
                mm.SetPte(op, vma, hva, Pte.SwapEntry(early));
                return true;
            }

            mm.SetPte(op, vma, hva, Pte.None);
            await host.StepAsync();

            // One reference is the mapping's, one is ours; the holder of a third is about to use the page.
            var isHeld = (host.Frames.RefCount(pfn) != 2 && host.Mutant != Mutant.PinsNotCounted) || host.Frames.MapCount(pfn) != 1;
            if (host.Mutant == Mutant.SwapsPinnedPage) isHeld = host.Frames.RefCount(pfn) != 2 && host.Frames.MapCount(pfn) != 1;
            if (isHeld) host.World.Reached(ReachedCase.HeldPageLeft);
            if (isHeld || !host.Swap.TryStore(host.Frames.Bytes(pfn), out var slot))
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

/// <summary>
/// The swap area of one host: page bytes by slot, bounded, memory taken when first needed. Simplified against mm/swapfile.c: a slot
/// belongs to exactly one PTE (no swap map), and there is no swap cache: a page is either in a frame or here.
/// </summary>
[CellContent]
public sealed class SwapStore(int capacity, int pageSize)
{
    private readonly List<byte[]> _slots = [];
    private readonly List<bool> _used = [];
    private readonly Stack<int> _free = new();

    public int Capacity { get; } = capacity;

    /// <summary>Slots that hold a page now.</summary>
    public int InUse => _slots.Count - _free.Count;

    /// <summary>Whether <see cref="TryStore"/> would succeed.</summary>
    public bool HasRoom => InUse < Capacity;

    /// <summary>Keeps a copy of the page; false when the area is full.</summary>
    public bool TryStore(ReadOnlySpan<byte> page, out int slot)
    {
        slot = -1;
        if (!HasRoom) return false;
        if (!_free.TryPop(out slot))
        {
            slot = _slots.Count;
            _slots.Add(GC.AllocateUninitializedArray<byte>(pageSize));
            _used.Add(false);
        }

        _used[slot] = true;
        page.CopyTo(_slots[slot]);
        return true;
    }

    /// <summary>Gives the page back and frees the slot.</summary>
    public void Load(int slot, Span<byte> page)
    {
        _slots[slot].CopyTo(page);
        Free(slot);
    }

    /// <summary>The page, to be looked at where it is.</summary>
    /// <exception cref="UnreachableException">The slot is free: a defect of the model.</exception>
    public ReadOnlySpan<byte> Peek(int slot) =>
        _used[slot] ? _slots[slot] : throw new UnreachableException($"swap slot {slot} is read and is free");

    /// <exception cref="UnreachableException">The slot is free: a defect of the model.</exception>
    public void Free(int slot)
    {
        if (!_used[slot]) throw new UnreachableException($"swap slot {slot} is freed twice");
        _used[slot] = false;
        _free.Push(slot);
    }
}
