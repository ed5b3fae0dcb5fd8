using System.IO.Hashing;
using Livebed.Kvm.Guests;
using Livebed.Linux.Processes;

namespace Livebed.Linux.Recording;

/// <summary>
/// Writes by their effect: every page is read and its checksum held against the last one. Any kernel does, and a write that changes nothing
/// is not seen. It costs the reading of all memory each time.
/// </summary>
internal sealed class CompareTracker : IWriteTracker
{
    private const int ChunkShift = 12;
    private const long ChunkMask = (1 << ChunkShift) - 1;

    private readonly Pidfd _process;
    private readonly RecordedMemory _memory;
    private readonly Pagemap _pagemap;

    /// <summary>Checksums by page, less that of a page of zeros: a page that was never there is one.</summary>
    private readonly Dictionary<long, ulong[]> _checksums = [];
    private readonly ulong _zero = XxHash3.HashToUInt64(new byte[RemoteMemory.PageSize]);
    private readonly List<PageRun> _present = [];

    /// <exception cref="Interop.SystemCallException">The process may not be looked into.</exception>
    public CompareTracker(Pidfd process, RecordedMemory memory)
    {
        (_process, _memory) = (process, memory);
        _pagemap = new Pagemap(process.Process);
    }

    public RecordBackend Backend => RecordBackend.Compare;

    public bool CostsFaults => false;

    public double InjectedMicroseconds => 0;

    public InitialMemory Arm(CancellationToken stop)
    {
        var notZero = new List<PageRun>();
        Compare(notZero, stop);
        return new InitialMemory([.. _present], notZero);
    }

    public void Collect(List<PageRun> into)
    {
        into.Clear();
        Compare(into, CancellationToken.None);
    }

    public long CountWritten() => 0;

    public void Dispose() => _pagemap.Dispose();

    private void Compare(List<PageRun> changed, CancellationToken stop)
    {
        _present.Clear();
        foreach (var mapping in _memory.In(ProcessMapping.Of(_process.Process))) _pagemap.Find(mapping, 0, _present);
        RemoteMemory.ReadPages(_process.Process, _present, (page, bytes) =>
        {
            if (!_checksums.TryGetValue(page >> ChunkShift, out var chunk))
                _checksums[page >> ChunkShift] = chunk = new ulong[1 << ChunkShift];
            var checksum = XxHash3.HashToUInt64(bytes) ^ _zero;
            if (chunk[page & ChunkMask] == checksum) return;
            chunk[page & ChunkMask] = checksum;
            changed.Append(page, 1);
        }, stop);
    }
}
