using System.Buffers;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// User space reads guest memory to send it, as QEMU does through its own mapping, while the guest writes on. Keeps: a page is copied in
/// one piece, and under the same hold of the bus lock it is noted which write was the last before the copy (S6 is judged by it).
/// Simplified: a page that was never touched is sent as zeroes without mapping the zero frame.
/// </summary>
internal sealed class PageReader(HostState host, PageFault faults)
{
    /// <summary>Adds the page to the chunk if that is possible at once: it is mapped, or there is none and no page-table change is under
    /// way.</summary>
    public bool TryRead(Operation op, AddressSpace mm, Vma vma, Hva hva, ref ChunkBuilder chunk)
    {
        var pte = vma.PteAt(hva);
        if (pte.IsAccessible)
        {
            CopyOut(mm, vma, hva, pte.Pfn, ref chunk);
            return true;
        }

        // The mm clears a PTE while it replaces one page by another, under the PTL. So only a holder of the PTL knows that a PTE is empty.
        if (!pte.IsNone || !mm.PageTableLock.TryAcquire(op)) return false;
        try
        {
            return TryReadNone(mm, vma, hva, ref chunk);
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }
    }

    /// <summary>Faults the page in. The caller reads it before any scheduling point, so that no operation takes it away again. An empty PTE
    /// needs no fault: then this has only waited for the page-table lock.</summary>
    public async ValueTask<HostPageStatus> FaultInAsync(Operation op, AddressSpace mm, Vma vma, Hva hva)
    {
        await mm.PageTableLock.AcquireAsync(op);
        var isNone = vma.PteAt(hva).IsNone;
        mm.PageTableLock.Release(op);
        if (isNone && mm.Incoming?.IsMissing(vma, hva) != true) return HostPageStatus.Ok;
        var page = await faults.FaultInAsync(op, mm, hva, write: false);
        if (page.Status == HostPageStatus.Ok) host.Frames.Put(page.Pfn);
        return page.Status;
    }

    private void CopyOut(AddressSpace mm, Vma vma, Hva hva, Pfn pfn, ref ChunkBuilder chunk)
    {
        var isZeroFrame = pfn == host.Frames.ZeroFrame;
        lock (mm.Bus)
        {
            if (!isZeroFrame) host.Frames.Bytes(pfn).CopyTo(chunk.Next);
            vma.Copied(hva);
        }

        if (isZeroFrame) chunk.AddZero(hva);
        else chunk.AddCopied(hva);
    }

    private static bool TryReadNone(AddressSpace mm, Vma vma, Hva hva, ref ChunkBuilder chunk)
    {
        if (!vma.PteAt(hva).IsNone || mm.Incoming?.IsMissing(vma, hva) == true) return false;
        lock (mm.Bus) vma.Copied(hva);
        chunk.AddZero(hva);
        return true;
    }
}

/// <summary>
/// One chunk in the making, in borrowed buffers that go back when it is disposed of, after the answer. A page is copied to its place in the
/// chunk and checked there, outside of every lock. If it is all zeroes the next page takes its place, and only its entry is sent (QEMU's
/// <c>save_zero_page</c>).
/// </summary>
internal struct ChunkBuilder(int pages, int pageSize, ArrayPool<byte> contentPool) : IDisposable
{
    private readonly long[] _entries = ArrayPool<long>.Shared.Rent(pages);
    private readonly byte[] _content = contentPool.Rent(pages * pageSize);
    private int _count;
    private int _bytes;

    /// <summary>Pages of which only the entry is sent.</summary>
    public int ZeroPages { get; private set; }

    public readonly int Pages => _count;

    /// <summary>Where the next page is to be copied to; it is in the chunk after <see cref="AddCopied"/>.</summary>
    public readonly Span<byte> Next => _content.AsSpan(_bytes, pageSize);

    public void AddCopied(Hva hva)
    {
        if (Next.IndexOfAnyExcept((byte)0) < 0)
        {
            AddZero(hva);
            return;
        }

        _entries[_count++] = PageChunk.EntryOf(hva, isZero: false);
        _bytes += pageSize;
    }

    public void AddZero(Hva hva)
    {
        _entries[_count++] = PageChunk.EntryOf(hva, isZero: true);
        ZeroPages++;
    }

    /// <summary>The chunk without its checksum: see <see cref="PageChunk.Sealed"/>.</summary>
    public readonly PageChunk Build(ChunkHeader header) =>
        new(header, _entries.AsMemory(0, _count), _content.AsMemory(0, _bytes), Checksum: 0);

    public readonly void Dispose()
    {
        ArrayPool<long>.Shared.Return(_entries);
        contentPool.Return(_content);
    }
}
