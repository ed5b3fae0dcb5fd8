using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// Writes as the kernel notes them: a userfaultfd of the process protects its memory, a write fault takes the protection away without
/// waiting for anybody, and PAGEMAP_SCAN reads which pages have none and protects them again in one step. Memory that comes later is found
/// by a second scan, of pages in ranges that are not protected, and is registered then: all its pages count as written.
/// </summary>
internal sealed class WpAsyncTracker : IWriteTracker
{
    private const PageCategories Somewhere = PageCategories.Present | PageCategories.Swapped;

    private readonly Pidfd _process;
    private readonly RecordedMemory _memory;
    private readonly Userfaultfd _userfaultfd;
    private readonly PagemapScan _scan;
    private readonly List<PageRun> _found = [];
    private readonly List<PageRun> _passedOver = [];
    private readonly List<PageRun> _counted = [];

    /// <exception cref="BackendException">The kernel has none of this, or not for that process.</exception>
    /// <exception cref="RecordingException">The process may not be looked into.</exception>
    public WpAsyncTracker(Pidfd process, RecordedMemory memory)
    {
        (_process, _memory) = (process, memory);
        Probe();
        _userfaultfd = Userfaultfd.Borrow(process);
        try
        {
            _scan = new PagemapScan(process.Process);
        }
        catch
        {
            _userfaultfd.Dispose();
            throw;
        }
    }

    public RecordBackend Backend => RecordBackend.WpAsync;

    public bool CostsFaults => true;

    public double InjectedMicroseconds => _userfaultfd.InjectedMicroseconds;

    public InitialMemory Arm(CancellationToken stop)
    {
        if (_memory.Ranges is { } ranges) RegisterGuest(ranges);
        else RegisterNew();
        var (present, swapped, readable, notZero) = (new List<PageRun>(), new List<PageRun>(), new List<PageRun>(), new List<PageRun>());
        FindWritten(present, protects: true);
        foreach (var (start, end, isShared) in Spans())
        {
            _scan.Scan(start, end, PageCategories.Protectable | PageCategories.Swapped, PageCategories.None, Somewhere, false, swapped);
            var none = PageCategories.ZeroPage | (isShared ? PageCategories.None : PageCategories.File);
            _scan.Scan(start, end, PageCategories.Protectable | PageCategories.Present, none, Somewhere, false, readable);
        }

        // What was swapped out was not zero, or the kernel would have had no reason to keep it; it is left where it is.
        RemoteMemory.ReadPages(
            _process.Process, readable, (page, bytes) => { if (bytes.ContainsAnyExcept((byte)0)) notZero.Append(page, 1); }, stop);
        return new InitialMemory(present, [.. swapped, .. notZero]);
    }

    public void Collect(List<PageRun> into)
    {
        into.Clear();
        if (!_memory.IsGuest) RegisterNew();
        FindWritten(into, protects: true);
    }

    public long CountWritten()
    {
        _counted.Clear();
        FindWritten(_counted, protects: false);
        return _counted.Pages();
    }

    public void Dispose()
    {
        _userfaultfd.Dispose();
        _scan.Dispose();
    }

    /// <summary>Asks the kernel by this process's own page tables.</summary>
    private static void Probe()
    {
        try
        {
            using var scan = new PagemapScan(Environment.ProcessId);
            var page = (ulong)RemoteMemory.PageSize;
            scan.Scan(page, page + page, PageCategories.None, PageCategories.None, Somewhere, false, []);
        }
        catch (SystemCallException exception)
        {
            throw new BackendException("the kernel has no PAGEMAP_SCAN, which is there from 6.7 on", exception);
        }
    }

    private IEnumerable<(ulong Start, ulong End, bool IsShared)> Spans() => _memory.Ranges is { } ranges
        ? ranges.Select(range => (range.Start, range.End, !range.IsPrivate))
        : [(0, PagemapScan.AddressesEnd, false)];

    private void FindWritten(List<PageRun> into, bool protects)
    {
        foreach (var (start, end, isShared) in Spans())
        {
            // A private page of a file that nothing wrote is the file's own; the zero page is nobody's.
            var none = PageCategories.ZeroPage | (isShared ? PageCategories.None : PageCategories.File);
            _scan.Scan(start, end, PageCategories.Protectable | PageCategories.Written, none, Somewhere, protects, into);
        }
    }

    private void RegisterGuest(IReadOnlyList<ProcessMapping> ranges)
    {
        foreach (var range in ranges)
            if (_userfaultfd.Register(range.Start, range.End) is not 0 and var number)
                throw new BackendException(
                    number == SystemCallException.Busy
                        ? "another userfaultfd has the guest's memory (post-copy, or a background snapshot?)"
                        : "the kernel refuses to protect the guest's memory", new SystemCallException("UFFDIO_REGISTER", number));
    }

    /// <summary>Ranges with pages of the process's own that are not protected. Those that the kernel refuses are looked at again only
    /// when there are others.</summary>
    private void RegisterNew()
    {
        FindUnprotected();
        if (_found.Count == 0 || _found.SequenceEqual(_passedOver)) return;
        var page = (ulong)RemoteMemory.PageSize;
        var mappings = ProcessMapping.Of(_process.Process).Where(mapping => mapping is { IsPrivate: true, IsOfKernel: false });
        foreach (var mapping in mappings)
            if (_found.Exists(run => (ulong)run.First * page < mapping.End && (ulong)run.End * page > mapping.Start))
                _ = _userfaultfd.Register(mapping.Start, mapping.End);
        FindUnprotected();
        _passedOver.Clear();
        _passedOver.AddRange(_found);
    }

    private void FindUnprotected()
    {
        _found.Clear();
        const PageCategories Not = PageCategories.Protectable | PageCategories.File | PageCategories.ZeroPage;
        _scan.Scan(0, PagemapScan.AddressesEnd, PageCategories.None, Not, Somewhere, false, _found);
    }
}
