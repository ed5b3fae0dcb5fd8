using System.Runtime.InteropServices;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Locks;
using Livebed.Kvm.World;

namespace Livebed.Kvm.Host.SamePageMerging;

/// <summary>
/// <c>ksmd</c> of one host (mm/ksm.c): scans mergeable memory round robin and lets pages of equal content share one read-only frame. A page
/// is looked up in the stable tree at every visit, and enters the unstable tree only when its checksum did not change since the last one. A
/// later write breaks COW (<see cref="CopyOnWrite"/>) and counts as an unmerge. Simplified: no merging across NUMA nodes, no
/// <c>use_zero_pages</c> (the zero frame itself is never merged), no MADV_UNMERGEABLE.
/// </summary>
public sealed class Ksm
{
    private readonly HostState _host;
    private readonly PageFault _faults;
    private readonly KernelMutex _threadMutex;
    private readonly PageMerger _merger;
    private readonly TrackedObject<Scan> _scan;

    [Untracked("statistics")]
    private long _fullScans;

    [Untracked("statistics")]
    private long _pagesScanned;

    internal Ksm(HostState host, PageFault faults)
    {
        _host = host;
        _faults = faults;
        _merger = new PageMerger(host);
        _scan = new TrackedObject<Scan>(new Place(host.World), new Scan(host));
        _threadMutex = new KernelMutex(host.Locks, LockClasses.KsmThreadMutex, host.Name);
    }

    private StableTree Stable => _scan.Content.Stable;

    private UnstableTree Unstable => _scan.Content.Unstable;

    private ScanCursor Cursor => _scan.Content.Cursor;

    public KsmCounters Counters
    {
        get
        {
            var shared = _host.Frames.KsmFrames;
            var sharing = Math.Max(0, _host.KsmMappings - shared);
            var items = _host.AddressSpaces.Sum(mm => mm.Vmas.Sum(vma => (long)vma.KsmItems));
            var settled = shared + sharing + Unstable.Count;
            return new KsmCounters(
                shared, sharing, Unstable.Count, Math.Max(0, items - settled), _fullScans, _pagesScanned,
                _host.Counters.KsmMerges, _host.Counters.KsmUnmerges);
        }
    }

    /// <summary><c>ksm_do_scan</c>: looks at up to <paramref name="pages"/> pages; stops early when a whole pass finds nothing
    /// mapped.</summary>
    /// <returns>pages looked at</returns>
    internal async ValueTask<int> ScanAsync(Operation op, long pages, long holdMicroseconds)
    {
        await _threadMutex.AcquireAsync(op);
        try
        {
            var (scanned, scannedThisPass) = (0, 0);

            // The first pass that ends was begun by an earlier scan, and says nothing.
            var isWholePass = false;
            while (scanned < pages)
            {
                if (Cursor.Next() is not { } item)
                {
                    EndPass();
                    if (isWholePass && scannedThisPass == 0) break;
                    (scannedThisPass, isWholePass) = (0, true);
                    continue;
                }

                scanned++;
                scannedThisPass++;
                _pagesScanned++;
                await VisitAsync(op, item, holdMicroseconds);
                await _host.World.PointAsync(SchedulingPoint.Yield);
            }

            return scanned;
        }
        finally
        {
            _threadMutex.Release(op);
        }
    }

    private void EndPass()
    {
        _fullScans++;
        Unstable.Clear();
        Stable.Prune();
    }

    private async ValueTask VisitAsync(Operation op, KsmItem item, long holdMicroseconds)
    {
        if (!item.Mm.TryGetUser(op)) return;
        try
        {
            var page = await GetMergeablePageAsync(op, item);
            if (page.IsNone) return;
            try
            {
                await CompareAndMergeAsync(op, item, page, holdMicroseconds);
            }
            finally
            {
                _host.Frames.Put(page);
            }
        }
        finally
        {
            item.Mm.PutUser(op);
        }
    }

    /// <summary><c>get_mergeable_page</c>: the page with a reference, None when nothing is there that may be merged.</summary>
    private async ValueTask<Pfn> GetMergeablePageAsync(Operation op, KsmItem item)
    {
        await item.Mm.MmapLock.DownReadAsync(op);
        try
        {
            var pte = item.Pte;
            if (!pte.IsAccessible || pte.Pfn == _host.Frames.ZeroFrame) return Pfn.None;
            _host.Frames.Get(pte.Pfn);
            return pte.Pfn;
        }
        finally
        {
            item.Mm.MmapLock.UpRead(op);
        }
    }

    /// <summary><c>cmp_and_merge_page</c>. Checksum and first compare are hints, taken while the guest may write; the merge compares
    /// again.</summary>
    private async ValueTask CompareAndMergeAsync(Operation op, KsmItem item, Pfn page, long holdMicroseconds)
    {
        if (_host.Frames.IsKsm(page)) return;
        var hash = Checksum(_host.Frames.Bytes(page));
        var kpage = Stable.Search(hash, _host.Frames.Bytes(page));
        if (!kpage.IsNone)
        {
            await _merger.TryMergeAsync(op, item, page, kpage, holdMicroseconds);
            _host.Frames.Put(kpage);
            return;
        }

        if (item.Checksum != hash)
        {
            item.Checksum = hash;
            return;
        }

        if (!Unstable.TryFind(hash, out var twin)) Unstable.Insert(hash, item);
        else if (twin != item) await MergeTwinsAsync(op, item, page, twin, hash, holdMicroseconds);
    }

    /// <summary>The candidate of the unstable tree is looked up again; if it has changed, the new page replaces it.</summary>
    private async ValueTask MergeTwinsAsync(Operation op, KsmItem item, Pfn page, KsmItem twin, ulong hash, long holdMicroseconds)
    {
        if (!twin.Mm.TryGetUser(op))
        {
            Unstable.Insert(hash, item);
            return;
        }

        try
        {
            var twinPage = await GetMergeablePageAsync(op, twin);
            if (twinPage.IsNone || twinPage == page || !_host.Frames.Bytes(page).SequenceEqual(_host.Frames.Bytes(twinPage)))
            {
                if (!twinPage.IsNone) _host.Frames.Put(twinPage);
                Unstable.Insert(hash, item);
                return;
            }

            try
            {
                await MergeTwoAsync(op, item, page, twin, twinPage, holdMicroseconds);
            }
            finally
            {
                _host.Frames.Put(twinPage);
            }
        }
        finally
        {
            twin.Mm.PutUser(op);
        }
    }

    /// <summary><c>try_to_merge_two_pages</c>: the first becomes a KSM page where it is, the second is replaced by it; if only the first
    /// works out, it is broken up again (<c>break_cow</c>).</summary>
    private async ValueTask MergeTwoAsync(Operation op, KsmItem item, Pfn page, KsmItem twin, Pfn twinPage, long holdMicroseconds)
    {
        if (!await _merger.TryMergeAsync(op, item, page, Pfn.None, holdMicroseconds)) return;
        if (await _merger.TryMergeAsync(op, twin, twinPage, page, holdMicroseconds))
        {
            var hash = Checksum(_host.Frames.Bytes(page));
            Stable.Insert(hash, page);
            Unstable.Remove(hash);
            return;
        }

        var broken = await _faults.FaultInAsync(op, item.Mm, item.Hva, write: true, mayWait: false);
        if (broken.Status == HostPageStatus.Ok) _host.Frames.Put(broken.Pfn);
    }

    /// <summary>Stands for the kernel's xxhash; never 0, which means "no checksum".</summary>
    private static ulong Checksum(ReadOnlySpan<byte> page)
    {
        var hash = 0UL;
        foreach (var word in MemoryMarshal.Cast<byte, ulong>(page)) hash = SeededRandom.Mix(hash ^ word) + 0x9E3779B97F4A7C15UL;
        return hash | 1;
    }

    /// <summary>What one scan leaves for the next; its parts are made for the first scan, since many a life sees none.</summary>
    [CellContent]
    private sealed class Scan(HostState host)
    {
        public StableTree Stable => field ??= new StableTree(host.Frames);

        public UnstableTree Unstable => field ??= new UnstableTree();

        public ScanCursor Cursor => field ??= new ScanCursor(host);
    }
}

/// <summary>
/// The files of /sys/kernel/mm/ksm, and the number of merges and unmerges, which the kernel does not count.
/// </summary>
/// <param name="PagesShared">KSM pages in use</param>
/// <param name="PagesSharing">further mappings of them: what is saved</param>
/// <param name="PagesUnshared">pages that are unique as far as this scan knows</param>
/// <param name="PagesVolatile">pages that changed too fast to be looked up</param>
/// <param name="FullScans">times that all mergeable memory was scanned</param>
/// <param name="PagesScanned">pages looked at</param>
/// <param name="Merges">pages repointed to a shared page</param>
/// <param name="Unmerges">mappings of shared pages that a write broke</param>
public readonly record struct KsmCounters(
    long PagesShared, long PagesSharing, long PagesUnshared, long PagesVolatile, long FullScans, long PagesScanned, long Merges,
    long Unmerges)
{
    public static KsmCounters operator +(KsmCounters one, KsmCounters other) => new(
        one.PagesShared + other.PagesShared, one.PagesSharing + other.PagesSharing, one.PagesUnshared + other.PagesUnshared,
        one.PagesVolatile + other.PagesVolatile, one.FullScans + other.FullScans, one.PagesScanned + other.PagesScanned,
        one.Merges + other.Merges, one.Unmerges + other.Unmerges);

    /// <summary>What was done since; the pages are those of now.</summary>
    public static KsmCounters operator -(KsmCounters now, KsmCounters before) => now with
    {
        FullScans = now.FullScans - before.FullScans,
        PagesScanned = now.PagesScanned - before.PagesScanned,
        Merges = now.Merges - before.Merges,
        Unmerges = now.Unmerges - before.Unmerges,
    };
}
