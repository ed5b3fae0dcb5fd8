using System.Diagnostics;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Checks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.Streams;

/// <summary>
/// Stores the pages of a chunk. In pre-copy user space writes them through its mapping (<c>ram_load_precopy</c>): an absent page is faulted
/// in, a shared page is copied, and a zero page over an absent or zero page costs nothing. In post-copy a page is placed into an empty PTE
/// in one step (UFFDIO_COPY, UFFDIO_ZEROPAGE; <c>mfill_atomic_pte</c>), which needs no notification. A page that is already present is a
/// duplicate and left alone. Simplified: mmap_lock (read) is taken once for a chunk and stands for that of all its faults. The frame for a
/// first write is filled at once, without being zeroed before.
/// </summary>
internal sealed class PageWriter(HostState host, PageFault faults)
{
    private enum Outcome : byte
    {
        Stored,
        Busy,
        NeedsFault,
        NoMemory,
        Refused,
    }

    public async ValueTask<StreamStatus> StoreAsync(Operation op, AddressSpace mm, IncomingPages incoming, PageChunk chunk)
    {
        if (!mm.TryGetUser(op)) return StreamStatus.Refused;
        try
        {
            await mm.MmapLock.DownReadAsync(op);
            try
            {
                return await StoreLockedAsync(op, mm, incoming, chunk);
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
    }

    private async ValueTask<StreamStatus> StoreLockedAsync(Operation op, AddressSpace mm, IncomingPages incoming, PageChunk chunk)
    {
        Vma? vma = null;
        var offset = 0;
        for (var i = 0; i < chunk.Pages.Length; i++)
        {
            var entry = chunk.Pages.Span[i];
            var hva = PageChunk.HvaOf(entry);
            var bytes = PageChunk.IsZero(entry) ? ReadOnlyMemory<byte>.Empty : chunk.Content.Slice(offset, host.Frames.PageSize);
            offset += bytes.Length;
            if (vma is null || !vma.Contains(hva)) vma = mm.Find(hva);
            if (vma is null) return StreamStatus.Refused;
            var page = new ArrivedPage(vma, hva, bytes);
            var outcome = TryStore(op, mm, incoming, chunk.Header, page);
            if (outcome is Outcome.Busy or Outcome.NeedsFault) outcome = await StoreSlowlyAsync(op, mm, incoming, chunk.Header, page);
            if (outcome != Outcome.Stored) return outcome == Outcome.NoMemory ? StreamStatus.NoMemory : StreamStatus.Refused;
            var point = host.StepAsync();
            if (!point.IsCompletedSuccessfully) await point;
        }

        host.World.Trace?.Note(
            op, $"has stored {chunk.Pages.Length} pages of round {chunk.Header.Round}, {chunk.Header.Phase}, in {mm}");
        return StreamStatus.Ok;
    }

    /// <summary>Stores as much as it can without a wait.</summary>
    private Outcome TryStore(Operation op, AddressSpace mm, IncomingPages incoming, in ChunkHeader header, in ArrivedPage page)
    {
        // Asked for each page: post-copy may have been entered at the last step.
        if (!incoming.Accepts(header)) return Outcome.Refused;
        var isMissing = incoming.IsMissing(page.Vma, page.Hva);
        if (!isMissing && header.Phase == StreamPhase.Postcopy) return Outcome.Stored;
        if (!isMissing && TryWrite(mm, page))
        {
            Arrived(incoming, page);
            return Outcome.Stored;
        }

        if (!mm.PageTableLock.TryAcquire(op)) return Outcome.Busy;
        try
        {
            return StoreUnderLock(op, mm, incoming, header, page);
        }
        finally
        {
            mm.PageTableLock.Release(op);
        }
    }

    /// <summary>Bounded by what takes the page away between the fault and the write, which is one turn: nothing, as a rule.</summary>
    private async ValueTask<Outcome> StoreSlowlyAsync(
        Operation op, AddressSpace mm, IncomingPages incoming, ChunkHeader header, ArrivedPage page)
    {
        while (true)
        {
            Outcome outcome;
            await mm.PageTableLock.AcquireAsync(op);
            try
            {
                outcome = StoreUnderLock(op, mm, incoming, header, page);
            }
            finally
            {
                mm.PageTableLock.Release(op);
            }

            if (outcome != Outcome.NeedsFault) return outcome;
            if (await faults.HandleAsync(op, mm, page.Hva, write: true) is not { } found) return Outcome.Refused;
            if (found.Status != HostPageStatus.Ok) return found.Status == HostPageStatus.NoMemory ? Outcome.NoMemory : Outcome.Refused;
            host.Frames.Put(found.Pfn);
            outcome = TryStore(op, mm, incoming, header, page);
            if (outcome is not (Outcome.Busy or Outcome.NeedsFault)) return outcome;
        }
    }

    private Outcome StoreUnderLock(Operation op, AddressSpace mm, IncomingPages incoming, in ChunkHeader header, in ArrivedPage page)
    {
        if (!incoming.Accepts(header)) return Outcome.Refused;
        var isMissing = incoming.IsMissing(page.Vma, page.Hva);
        if (!isMissing && header.Phase == StreamPhase.Postcopy) return Outcome.Stored;
        var isNone = page.Vma.PteAt(page.Hva).IsNone;
        if (isMissing && !isNone) throw new UnreachableException($"{page.Hva} of {mm} is missing and has a PTE");
        if (!isNone && !TryWrite(mm, page)) return Outcome.NeedsFault;
        if (isNone)
        {
            var outcome = isMissing && page.IsZero ? MapZeroes(op, mm, page) : MapNew(op, mm, page);
            if (outcome != Outcome.Stored) return outcome;
        }

        Arrived(incoming, page);
        return Outcome.Stored;
    }

    private void Arrived(IncomingPages incoming, in ArrivedPage page)
    {
        if (!page.IsZero || host.Mutant != Mutant.ZeroPageNotReceived) incoming.Arrived(page.Vma, page.Hva);
    }

    private Outcome MapZeroes(Operation op, AddressSpace mm, in ArrivedPage page)
    {
        mm.SetPte(op, page.Vma, page.Hva, Pte.Map(host.Frames.ZeroFrame, writable: false));
        return Outcome.Stored;
    }

    /// <summary>The page is complete before any access can see it.</summary>
    private Outcome MapNew(Operation op, AddressSpace mm, in ArrivedPage page)
    {
        if (page.IsZero) return Outcome.Stored;
        if (!page.Vma.Writable) return Outcome.Refused;
        if (!host.Frames.TryAllocate(zeroed: false, out var pfn))
        {
            host.Counters.AllocationFailures++;
            return Outcome.NoMemory;
        }

        page.Bytes.Span.CopyTo(host.Frames.Bytes(pfn));
        host.Frames.Map(pfn, mm.Id, page.Hva);
        host.Frames.Put(pfn);
        mm.SetPte(op, page.Vma, page.Hva, Pte.Map(pfn, writable: true));
        return Outcome.Stored;
    }

    /// <summary>A store through the mapping; false when there is none or it forbids it.</summary>
    private bool TryWrite(AddressSpace mm, in ArrivedPage page)
    {
        var pte = page.Vma.PteAt(page.Hva);
        if (!pte.IsAccessible) return false;
        if (page.IsZero && pte.Pfn == host.Frames.ZeroFrame) return true;
        lock (mm.Bus)
        {
            var frame = host.Frames.Bytes(pte.Pfn);

            // ram_handle_zero: what is zero already is not touched.
            if (page.IsZero && frame.IndexOfAnyExcept((byte)0) < 0) return true;
            if (!pte.IsWritable) return false;
            if (page.IsZero) frame.Clear();
            else page.Bytes.Span.CopyTo(frame);
            return true;
        }
    }

    /// <summary>A page of a chunk; no bytes are zeroes.</summary>
    private readonly record struct ArrivedPage(Vma Vma, Hva Hva, ReadOnlyMemory<byte> Bytes)
    {
        public bool IsZero => Bytes.IsEmpty;
    }
}
