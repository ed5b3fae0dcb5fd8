using System.IO.Hashing;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// What is known of an address space's memory from the outside: a checksum of every page, the newest values of the guest-memory oracle, and
/// how much it holds. Nothing is faulted in for it: a page in swap is looked at there, one that migrates in the frame that it leaves.
/// </summary>
internal sealed class PageImage
{
    /// <summary>Pages looked at under one hold of the page-table lock, which keeps a PTE that is being changed from being seen
    /// empty.</summary>
    private const int PagesPerHold = 1024;

    /// <summary>Pages that one processor looks at.</summary>
    private const int PagesPerPart = 64;

    private readonly HostState _host;
    private readonly ulong _zeroes;

    public PageImage(HostState host)
    {
        _host = host;
        _zeroes = XxHash3.HashToUInt64(new byte[host.Frames.PageSize]);
    }

    /// <summary>XxHash3 of every page of the range; where nothing is, that of zeroes.</summary>
    public async ValueTask<ulong[]> HashAsync(Operation op, AddressSpace mm, HvaRange range)
    {
        var image = new ulong[range.Pages];
        image.AsSpan().Fill(_zeroes);
        foreach (var (vma, pages) in mm.Pieces(range))
            for (var start = pages.Start; start < pages.End; start += PagesPerHold)
            {
                await mm.PageTableLock.AcquireAsync(op);
                try
                {
                    Hash(
                        mm, vma, new HvaRange(start, Math.Min(PagesPerHold, pages.End - start)),
                        image.AsMemory((int)(start - range.Start)));
                }
                finally
                {
                    mm.PageTableLock.Release(op);
                }

                await _host.World.PointAsync(SchedulingPoint.Yield);
            }

        return image;
    }

    /// <summary>Pages of the range that do not hold the newest value written, or not in all their bytes; while nothing runs.</summary>
    public async ValueTask<IReadOnlyList<Hva>> StaleAsync(Operation op, AddressSpace mm, HvaRange range)
    {
        List<Hva>? stale = null;
        foreach (var (vma, pages) in mm.Pieces(range))
            for (var start = pages.Start; start < pages.End; start += PagesPerHold)
            {
                await mm.PageTableLock.AcquireAsync(op);
                AddStale(mm, vma, new HvaRange(start, Math.Min(PagesPerHold, pages.End - start)), ref stale);
                mm.PageTableLock.Release(op);
                await _host.World.PointAsync(SchedulingPoint.Yield);
            }

        return stale ?? (IReadOnlyList<Hva>)[];
    }

    /// <summary>The newest value of each page of the range, 0 where there is no area.</summary>
    public static ulong[] Newest(AddressSpace mm, HvaRange range)
    {
        var newest = new ulong[range.Pages];
        foreach (var (vma, pages) in mm.Pieces(range))
            lock (mm.Bus)
            {
                for (var hva = pages.Start; hva < pages.End; hva += 1)
                    newest[hva - range.Start] = vma.NewestAt(hva);
            }

        return newest;
    }

    /// <summary>The oracle goes on from these values, and from no write that was not copied.</summary>
    public static void LoadNewest(AddressSpace mm, HvaRange range, ReadOnlySpan<ulong> newest)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(newest.Length, range.Pages, nameof(newest));
        foreach (var (vma, pages) in mm.Pieces(range))
            lock (mm.Bus)
            {
                for (var hva = pages.Start; hva < pages.End; hva += 1)
                    vma.Loaded(hva, newest[(int)(hva - range.Start)]);
            }
    }

    /// <summary>Pages that the address space has in frames or in swap. The zero frame does not count.</summary>
    public async ValueTask<long> PagesHeldAsync(Operation op, AddressSpace mm)
    {
        var held = 0L;
        await mm.PageTableLock.AcquireAsync(op);
        try
        {
            foreach (var vma in mm.Vmas)
                for (var hva = vma.Range.Start; hva < vma.Range.End; hva += 1)
                {
                    var pte = vma.PteAt(hva);
                    if (!pte.IsNone && pte.Pfn != _host.Frames.ZeroFrame) held++;
                }
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }

        return held;
    }

    /// <summary>The guest is stopped while all of its memory is read, so the work uses every processor.</summary>
    private void Hash(AddressSpace mm, Vma vma, HvaRange pages, Memory<ulong> image)
    {
        var parts = (int)((pages.Pages + PagesPerPart - 1) / PagesPerPart);
        lock (mm.Bus)
            _host.World.ForAll(parts, part =>
            {
                var target = image.Span;
                var end = Math.Min(pages.Pages, (part + 1) * PagesPerPart);
                for (var page = part * PagesPerPart; page < end; page++)
                {
                    if (page + 1 < end && vma.PteAt(pages.Start + page + 1) is { IsPresent: true } next) _host.Frames.Prefetch(next.Pfn);
                    target[page] = HashOf(vma, pages.Start + page);
                }
            });
    }

    private ulong HashOf(Vma vma, Hva hva)
    {
        var content = ContentOf(vma.PteAt(hva));
        return content.IsEmpty ? _zeroes : XxHash3.HashToUInt64(content);
    }

    private void AddStale(AddressSpace mm, Vma vma, HvaRange pages, ref List<Hva>? stale)
    {
        lock (mm.Bus)
            for (var hva = pages.Start; hva < pages.End; hva += 1)
            {
                var newest = vma.NewestAt(hva);
                var content = ContentOf(vma.PteAt(hva));
                if (content.IsEmpty ? newest != 0 : !PageChecksum.IsOf(content, newest)) (stale ??= []).Add(hva);
            }
    }

    /// <summary>Empty where nothing but zeroes is.</summary>
    private ReadOnlySpan<byte> ContentOf(Pte pte)
    {
        if (pte.IsNone || pte.Pfn == _host.Frames.ZeroFrame) return [];
        return pte.IsSwap ? _host.Swap.Peek(pte.SwapSlot) : _host.Frames.Bytes(pte.Pfn);
    }
}
