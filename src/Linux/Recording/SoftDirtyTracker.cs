using System.Runtime.InteropServices;
using Livebed.Kvm.Guests;
using Livebed.Linux.Interop;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// Writes by the soft-dirty bits of the page tables (Documentation/admin-guide/mm/soft-dirty.rst): writing 4 to clear_refs takes them away,
/// a write brings one back. Reading and clearing are two steps, so what is written between them is lost.
/// </summary>
internal sealed unsafe class SoftDirtyTracker : IWriteTracker
{
    private readonly Pidfd _process;
    private readonly RecordedMemory _memory;
    private readonly Pagemap _pagemap;
    private readonly List<PageRun> _counted = [];

    /// <exception cref="BackendException">The kernel was built without it.</exception>
    public SoftDirtyTracker(Pidfd process, RecordedMemory memory)
    {
        (_process, _memory) = (process, memory);
        Probe();
        _pagemap = new Pagemap(process.Process);
    }

    public RecordBackend Backend => RecordBackend.SoftDirty;

    public bool CostsFaults => true;

    public double InjectedMicroseconds => 0;

    public InitialMemory Arm(CancellationToken stop)
    {
        Clear(_process.Process);
        var (present, swapped, notZero) = (new List<PageRun>(), new List<PageRun>(), new List<PageRun>());
        foreach (var mapping in _memory.In(ProcessMapping.Of(_process.Process)))
        {
            _pagemap.Find(mapping, 0, present);
            _pagemap.Find(mapping, Pagemap.Swapped, swapped);
        }

        // What is swapped out would be brought back by reading it.
        var pages = new PageNumbers();
        foreach (var run in swapped) pages.Add(run);
        RemoteMemory.ReadPages(
            _process.Process, pages.Without(present), (page, bytes) =>
            {
                if (bytes.ContainsAnyExcept((byte)0)) notZero.Append(page, 1);
            }, stop);
        return new InitialMemory(present, [.. swapped, .. notZero]);
    }

    public void Collect(List<PageRun> into)
    {
        Find(into);
        Clear(_process.Process);
    }

    public long CountWritten()
    {
        Find(_counted);
        return _counted.Pages();
    }

    public void Dispose() => _pagemap.Dispose();

    private void Find(List<PageRun> into)
    {
        into.Clear();
        foreach (var mapping in _memory.In(ProcessMapping.Of(_process.Process))) _pagemap.Find(mapping, Pagemap.SoftDirty, into);
    }

    private static void Clear(int process) => File.WriteAllText($"/proc/{process}/clear_refs", "4");

    /// <summary>By a page of this process: without the feature the bit never comes.</summary>
    private static void Probe()
    {
        var bytes = (nuint)RemoteMemory.PageSize;
        var memory = (byte*)NativeMemory.AlignedAlloc(bytes, bytes);
        try
        {
            *memory = 1;
            Clear(Environment.ProcessId);
            *memory = 2;
            using var pagemap = new Pagemap(Environment.ProcessId);
            var found = new List<PageRun>();
            pagemap.Find(new ProcessMapping((ulong)memory, (ulong)memory + bytes, "rw-p", 0, ""), Pagemap.SoftDirty, found);
            if (found.Count == 0) throw new BackendException("the kernel was built without soft-dirty bits");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or SystemCallException)
        {
            throw new BackendException("clear_refs cannot be written", exception);
        }
        finally
        {
            NativeMemory.AlignedFree(memory);
        }
    }
}
