using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Linux.Recording;

/// <summary>
/// What a recording has seen so far, in memory: a few bytes for each run of pages. Numbers of pages are known only at the end, as memory
/// may come at any address. It is held to the bounds of the format, so that what is written can be read.
/// </summary>
internal sealed class RecordedIntervals(RecordedMemory memory)
{
    private const int SegmentBytes = 1 << 20;

    // Two numbers of at most 10 bytes.
    private const int RunBytesMax = 20;

    private readonly List<(long TimeMicroseconds, int Runs)> _intervals = [];
    private readonly List<byte[]> _segments = [];
    private readonly PageNumbers _seen = new();
    private readonly PageNumbers _notZero = new();
    private int _used = SegmentBytes;
    private long _runs;
    private long _lines;

    public int Count => _intervals.Count;

    public long PageWrites { get; private set; }

    /// <summary>Pages of the trace so far.</summary>
    public long Pages => memory.IsGuest ? memory.Pages : _seen.Count;

    /// <summary>The last time, in microseconds.</summary>
    public long DurationMicroseconds => _intervals.Count == 0 ? 0 : _intervals[^1].TimeMicroseconds;

    /// <param name="initial">memory at the beginning</param>
    /// <param name="files">mappings whose pages are a file's until they are written: they are not zero</param>
    public void Begin(InitialMemory initial, IEnumerable<PageRun> files)
    {
        if (!memory.IsGuest)
            foreach (var run in initial.Present) _seen.Add(run);
        foreach (var run in initial.NotZero) _notZero.Add(run);
        foreach (var run in files) _notZero.Add(run);
    }

    /// <returns>false where the format has no room for it, and it was not added</returns>
    public bool TryAdd(long timeMicroseconds, List<PageRun> runs)
    {
        var (writes, lines) = (runs.Pages(), DirtyPageTraceWriter.LinesOf(runs.Count));
        var mayWrite = DirtyPageTrace.MaxPageWritesAtOnce + (double)DirtyPageTrace.MaxPageWritesPerSecond * timeMicroseconds / 1e6;
        if (_runs + runs.Count > DirtyPageTrace.MaxRuns || _lines + lines > DirtyPageTrace.MaxIntervals
            || PageWrites + writes > Math.Min(DirtyPageTrace.MaxPageWrites, mayWrite)
            || timeMicroseconds > DirtyPageTrace.MaxTimeMicroseconds || Pages + (memory.IsGuest ? 0 : writes) > DirtyPageTrace.MaxPages)
            return false;
        var last = 0L;
        foreach (var run in runs)
        {
            if (!memory.IsGuest) _seen.Add(run);
            if (SegmentBytes - _used < RunBytesMax)
            {
                _segments.Add(new byte[SegmentBytes]);
                _used = 0;
            }

            Put(run.First - last);
            Put(run.Count);
            last = run.End;
        }

        _intervals.Add((timeMicroseconds, runs.Count));
        (_runs, _lines, PageWrites) = (_runs + runs.Count, _lines + lines, PageWrites + writes);
        return true;
    }

    /// <summary>The header, with the pages that were zero at the beginning.</summary>
    public DirtyPageTraceHeader Header(string name, string source, string backend, DateTimeOffset startedAt)
    {
        var zero = ZeroRuns();
        return new DirtyPageTraceHeader(name, source, RemoteMemory.PageSize, Math.Max(1, Pages), _lines)
        {
            ZeroPages = zero.Pages(),
            ZeroRuns = [.. zero.Select(run => new HvaRange(new Hva(run.First), run.Count))],
            Backend = backend,
            Memory = memory.IsGuest ? DirtyPageTraceHeader.OfGuest : DirtyPageTraceHeader.OfProcess,
            StartedAt = startedAt,
        };
    }

    /// <summary>All intervals, with the numbers that the pages have at the end.</summary>
    public IEnumerable<(long TimeMicroseconds, IReadOnlyList<PageRun> Runs)> Intervals()
    {
        var (segment, at, runs) = (0, 0, new List<PageRun>());
        foreach (var (time, count) in _intervals)
        {
            runs.Clear();
            var last = 0L;
            for (var index = 0; index < count; index++)
            {
                if (SegmentBytes - at < RunBytesMax) (segment, at) = (segment + 1, 0);
                var first = last + Take(_segments[segment], ref at);
                var pages = Take(_segments[segment], ref at);
                last = first + pages;
                Number(runs, first, pages);
            }

            yield return (time, runs);
        }
    }

    private List<PageRun> ZeroRuns()
    {
        var zero = new List<PageRun>();
        if (!memory.IsGuest)
        {
            foreach (var page in _seen.Pages())
                if (!_notZero.Contains(page)) zero.Append(_seen.NumberOf(page), 1);
            return zero;
        }

        var number = 0L;
        foreach (var range in memory.Ranges!)
            for (var page = FirstPage(range); page < LastPage(range); page++, number++)
                if (!_notZero.Contains(page)) zero.Append(number, 1);
        return zero;
    }

    private void Number(List<PageRun> runs, long first, long pages)
    {
        if (!memory.IsGuest)
        {
            runs.Append(_seen.NumberOf(first), pages);
            return;
        }

        var before = 0L;
        foreach (var range in memory.Ranges!)
        {
            var (begin, end) = (Math.Max(first, FirstPage(range)), Math.Min(first + pages, LastPage(range)));
            if (begin < end) runs.Append(before + begin - FirstPage(range), end - begin);
            before += LastPage(range) - FirstPage(range);
        }
    }

    private static long FirstPage(Processes.ProcessMapping range) => (long)(range.Start / (ulong)RemoteMemory.PageSize);

    private static long LastPage(Processes.ProcessMapping range) => (long)(range.End / (ulong)RemoteMemory.PageSize);

    private void Put(long number)
    {
        var bytes = _segments[^1];
        for (; number >= 0x80; number >>= 7) bytes[_used++] = (byte)(number | 0x80);
        bytes[_used++] = (byte)number;
    }

    private static long Take(byte[] bytes, ref int at)
    {
        var (number, shift) = (0L, 0);
        while (bytes[at] >= 0x80)
        {
            number |= (long)(bytes[at++] & 0x7f) << shift;
            shift += 7;
        }

        return number | (long)bytes[at++] << shift;
    }
}
