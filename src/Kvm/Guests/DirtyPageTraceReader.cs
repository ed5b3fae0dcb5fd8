namespace Livebed.Kvm.Guests;

/// <summary>
/// Steps through the intervals of a trace and the page runs of each, from the decompressed bytes. Neither an interval nor a line is ever in
/// memory as a whole, and nothing is allocated per interval, run or page. Every rule of the format is checked on the way, also for runs
/// that the caller did not ask for.
/// </summary>
public sealed class DirtyPageTraceReader : IDisposable
{
    private readonly TraceByteStream _bytes;
    private long _interval;
    private long _nextFreePage;
    private long _pageWrites;
    private long _runs;
    private bool _inLine;

    internal DirtyPageTraceReader(string path)
    {
        _bytes = new TraceByteStream(path);
        try
        {
            Header = ReadHeader();
        }
        catch
        {
            _bytes.Dispose();
            throw;
        }
    }

    public DirtyPageTraceHeader Header { get; }

    /// <summary>Time of the current interval, in microseconds since the start of the recording.</summary>
    public long TimeMicroseconds { get; private set; }

    /// <summary>Goes to the next interval; false after the last one.</summary>
    /// <exception cref="TraceFormatException">The line is wrong, or there are fewer or more than the header says.</exception>
    public bool ReadInterval()
    {
        while (ReadRun(out _))
        {
            // What the caller left of the previous interval is still held to the format.
        }

        if (_bytes.Peek() == TraceByteStream.End)
        {
            if (_interval != Header.Intervals)
                throw Bad($"the file ends after {_interval} intervals", $"the header promises {Header.Intervals}");
            CheckRate();
            return false;
        }

        if (_interval == Header.Intervals) throw Bad("there are more intervals than promised", $"the header promises {Header.Intervals}");
        var time = ReadNumber("the time", "a time in microseconds starts the line");
        if (_interval > 0 && time < TimeMicroseconds)
            throw Bad($"the time {time} is before the previous interval's {TimeMicroseconds}", "times never go backwards");
        if (time > DirtyPageTrace.MaxTimeMicroseconds)
            throw Bad($"the time {time} is out of range", $"times are 0 to {DirtyPageTrace.MaxTimeMicroseconds} microseconds");
        TimeMicroseconds = time;
        _interval++;
        _nextFreePage = 0;
        _inLine = true;
        return true;
    }

    /// <summary>The next run of the current interval, in ascending order; false at its end.</summary>
    /// <exception cref="TraceFormatException">The run is malformed, out of order or out of range.</exception>
    public bool ReadRun(out PageRun run)
    {
        run = default;
        if (!_inLine) return false;
        var separator = _bytes.Peek();
        if (separator is '\n' or TraceByteStream.End)
        {
            if (separator == '\n') _bytes.Take();
            _inLine = false;
            return false;
        }

        if (separator != ' ') throw Unexpected(separator, "numbers are separated by one space");
        Take();
        var first = ReadNumber("a page", "after a space comes a page or page+count");
        var count = 1L;
        if (_bytes.Peek() == '+')
        {
            Take();
            count = ReadNumber("a count", "after '+' comes the count of pages");
            if (count == 0) throw Bad("a run has 0 pages", "a count is at least 1");
        }

        Check(first, count);
        _nextFreePage = first + count;
        _pageWrites += count;
        run = new PageRun(first, count);
        return true;
    }

    /// <summary>Back to before the first interval.</summary>
    public void Rewind()
    {
        _bytes.Rewind();
        while (_bytes.Peek() is not ('\n' or TraceByteStream.End)) _bytes.Take();
        if (_bytes.Peek() == '\n') _bytes.Take();
        _interval = 0;
        (_pageWrites, _runs) = (0, 0);
        _inLine = false;
        TimeMicroseconds = 0;
    }

    public void Dispose() => _bytes.Dispose();

    private DirtyPageTraceHeader ReadHeader()
    {
        var line = new List<byte>(256);
        for (var next = _bytes.Peek(); next is not ('\n' or TraceByteStream.End); next = _bytes.Peek())
        {
            if (line.Count == DirtyPageTrace.MaxHeaderBytes)
                throw Bad("the header is too long", $"a header has at most {DirtyPageTrace.MaxHeaderBytes} bytes");
            line.Add((byte)next);
            _bytes.Take();
        }

        var header = DirtyPageTraceHeader.Parse(_bytes.Path, line.ToArray());
        if (_bytes.Peek() == '\n') _bytes.Take();
        return header;
    }

    /// <summary>A few bytes can name very many pages, so what they add up to is bounded before anything goes through them.</summary>
    private void CheckRate()
    {
        var most = DirtyPageTrace.MaxPageWritesAtOnce + (double)DirtyPageTrace.MaxPageWritesPerSecond * TimeMicroseconds / 1e6;
        if (_pageWrites > most)
            throw Bad(
                $"{_pageWrites} pages are written in {TimeMicroseconds} microseconds",
                $"at most {DirtyPageTrace.MaxPageWritesPerSecond} pages a second, and {DirtyPageTrace.MaxPageWritesAtOnce} more");
    }

    private void Check(long first, long count)
    {
        // A run may start with the last page of the one before: the recorder re-arms a page as it reads it, and where its walk was
        // split, a page that was written again in between is there twice (campaigns/workloads/README.md).
        if (first < _nextFreePage - 1)
            throw Bad($"page {first} comes after page {_nextFreePage - 1}", "the pages of an interval are in ascending order");
        // Both are below 10^18, so the sum cannot wrap.
        if (first + count > Header.Pages)
            throw Bad($"page {first + count - 1} is out of range", $"the header allows pages 0 to {Header.Pages - 1}");
        if (++_runs > DirtyPageTrace.MaxRuns) throw Bad("there are too many runs of pages", $"at most {DirtyPageTrace.MaxRuns} altogether");
        if (_pageWrites + count > DirtyPageTrace.MaxPageWrites)
            throw Bad("the intervals write too many pages", $"at most {DirtyPageTrace.MaxPageWrites} altogether");
    }

    private long ReadNumber(string what, string allowed)
    {
        var value = 0L;
        var digits = 0;
        for (var next = _bytes.Peek(); next is >= '0' and <= '9'; next = _bytes.Peek())
        {
            if (++digits > 18) throw Bad($"{what} has more than 18 digits", allowed);
            value = value * 10 + (next - '0');
            Take();
        }

        return digits > 0 ? value : throw Unexpected(_bytes.Peek(), allowed);
    }

    private void Take()
    {
        if (_bytes.LineBytes == DirtyPageTrace.MaxLineBytes)
            throw Bad("the line is too long", $"a line has at most {DirtyPageTrace.MaxLineBytes} bytes");
        _bytes.Take();
    }

    private TraceFormatException Unexpected(int found, string allowed)
    {
        var shown = found switch
        {
            TraceByteStream.End => "the end of the file",
            '\n' => "the end of the line",
            > 32 and < 127 => $"'{(char)found}'",
            _ => $"byte 0x{found:x2}",
        };
        return Bad($"{shown} at byte {_bytes.LineBytes + 1} of the line", allowed);
    }

    private TraceFormatException Bad(string wrong, string allowed) => new(_bytes.Path, _bytes.Line, wrong, allowed);
}

/// <summary>Pages <c>[First, First + Count)</c> of a trace; Count is at least 1.</summary>
public readonly record struct PageRun(long First, long Count)
{
    public long End => First + Count;
}

/// <summary>
/// A recorded trace cannot be read. The message is one line for people: file, line (0 when it is about the file as a whole), what was
/// wrong, and what is allowed. The only type that reading a trace throws for bad input.
/// </summary>
public sealed class TraceFormatException : Exception
{
    public TraceFormatException(string path, long line, string wrong, string allowed, Exception? inner = null)
        : base($"{OneLine(path)}{(line > 0 ? $", line {line}" : "")}: {OneLine(wrong)}; {OneLine(allowed)}", inner)
    {
        Path = path;
        Line = line;
    }

    public string Path { get; }
    public long Line { get; }

    // Parts of the message come from the file itself, which may hold anything.
    private static string OneLine(string text) => string.Concat(text.Select(c => char.IsControl(c) ? '?' : c));
}
