using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Guests;

/// <summary>
/// Recorded dirty-page traces of real programs, format <c>dirty-page-trace/1</c> (campaigns/workloads/README.md): which pages a program
/// wrote in each interval of about 10 ms. Files are read as a stream with the same small buffers however large they are, and nothing in
/// them is trusted.
/// </summary>
public static class DirtyPageTrace
{
    /// <summary>Most pages of one trace (256 GiB of 4 KiB pages): what may be kept per page while reading stays small.</summary>
    public const long MaxPages = 1L << 26;

    /// <summary>Most intervals: more than a day.</summary>
    public const long MaxIntervals = 10_000_000;

    /// <summary>Most runs of pages, all intervals together: a forecast keeps them, in 128 MiB.</summary>
    public const long MaxRuns = 1 << 24;

    /// <summary>Most pages written in a second of the recording, on average: 32 GiB of 4 KiB pages. A forecast goes through all of
    /// them.</summary>
    public const long MaxPageWritesPerSecond = 1 << 23;

    /// <summary>So many more may be written by a recording, however short it is.</summary>
    public const long MaxPageWritesAtOnce = 1 << 20;

    /// <summary>Most pages written, all intervals together: 16 TiB of 4 KiB pages. A few bytes of a file can name very many pages, and each
    /// is work to check and to replay.</summary>
    public const long MaxPageWrites = 1L << 32;

    /// <summary>Latest time of an interval (11 days), so that a replay which loops for as long as a machine runs cannot overflow.</summary>
    public const long MaxTimeMicroseconds = 1_000_000_000_000;

    /// <summary>Longest interval line in bytes.</summary>
    public const int MaxLineBytes = 1 << 20;

    /// <summary>Longest header line in bytes; zero runs are most of it.</summary>
    public const int MaxHeaderBytes = 1 << 20;

    /// <summary>Reads the first line only.</summary>
    /// <exception cref="TraceFormatException">The file cannot be read or its header is wrong.</exception>
    public static DirtyPageTraceHeader ReadHeader(string path)
    {
        using var reader = new DirtyPageTraceReader(path);
        return reader.Header;
    }

    /// <summary>Opens a trace before its first interval.</summary>
    /// <exception cref="TraceFormatException">The file cannot be read or its header is wrong.</exception>
    public static DirtyPageTraceReader Open(string path) => new(path);

    /// <summary>Reads the whole file in bounded memory (one bit a page) and returns what it adds up to.</summary>
    /// <exception cref="TraceFormatException">The first thing that is wrong with it.</exception>
    public static DirtyPageTraceTotals Validate(string path)
    {
        using var reader = new DirtyPageTraceReader(path);
        var seen = new PageSet(reader.Header.Pages);
        long intervals = 0, writes = 0;
        while (reader.ReadInterval())
        {
            intervals++;
            while (reader.ReadRun(out var run))
            {
                writes += run.Count;
                seen.Add(new HvaRange(new Hva(run.First), run.Count));
            }
        }

        return new DirtyPageTraceTotals(intervals, writes, seen.Count, reader.TimeMicroseconds);
    }
}

/// <summary>What a whole trace adds up to.</summary>
/// <param name="Intervals">interval lines</param>
/// <param name="PageWrites">pages over all intervals; a page counts once in each interval that writes it</param>
/// <param name="DistinctPages">pages written at least once</param>
/// <param name="DurationMicroseconds">time of the last interval</param>
public sealed record DirtyPageTraceTotals(long Intervals, long PageWrites, long DistinctPages, long DurationMicroseconds);
