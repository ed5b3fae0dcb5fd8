using System.Buffers.Binary;
using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;
using Livebed.Linux.Recording;

namespace Livebed.Linux.Qemu;

/// <summary>
/// What <see cref="ReplayGuest"/> does, as 32-bit words that it reads: where its memory begins, the pages to fill before it starts (runs of
/// first page and count), and the intervals. An interval is its length in microseconds, its runs and their pages, and the runs
/// themselves; its writes are spread evenly over it. The last word begins the intervals again.
/// </summary>
internal static class ReplaySchedule
{
    /// <summary>Most of it: what a guest of some hundred MiB has room for.</summary>
    public const int BytesMax = 256 << 20;

    private const uint Again = uint.MaxValue;

    // The guest multiplies microseconds by the ticks of 100 ms, and the quotient is a word.
    private const long MicrosecondsMax = 1_000_000;

    /// <exception cref="TraceFormatException">The trace cannot be read.</exception>
    /// <exception cref="QemuException">It is too long.</exception>
    public static byte[] Of(string trace, uint memoryAddress)
    {
        using var reader = DirtyPageTrace.Open(trace);
        using var words = new MemoryStream();
        Put(words, memoryAddress);
        var filled = NotZero(trace, reader.Header);
        Put(words, (uint)filled.Count);
        foreach (var run in filled) Put(words, run);
        var (last, runs) = (0L, new List<PageRun>());
        while (reader.ReadInterval())
        {
            runs.Clear();
            while (reader.ReadRun(out var run)) runs.Add(run);
            var rest = Math.Max(1, reader.TimeMicroseconds - last);
            last = reader.TimeMicroseconds;
            for (; rest > MicrosecondsMax; rest -= MicrosecondsMax) Put(words, MicrosecondsMax, []);
            Put(words, rest, runs);
            if (words.Length > BytesMax)
                throw new QemuException($"the recording is too long to be replayed; allowed: one whose runs take {BytesMax >> 20} MiB");
        }

        Put(words, Again);
        return words.ToArray();
    }

    /// <summary>Pages that hold something at the start; where the trace does not say, those that it writes to.</summary>
    private static List<PageRun> NotZero(string trace, DirtyPageTraceHeader header)
    {
        if (header.ZeroPages is null) return Written(trace);
        var (rest, next) = (new List<PageRun>(), 0L);
        // Where only their number is known, the last pages are the zero ones: any are as good.
        IReadOnlyList<HvaRange> last = [new HvaRange(new Hva(header.Pages - (header.ZeroPages ?? 0)), header.ZeroPages ?? 0)];
        foreach (var run in header.ZeroRuns ?? last)
        {
            if (run.Start.Value > next) rest.Add(new PageRun(next, run.Start.Value - next));
            next = run.End.Value;
        }

        if (next < header.Pages) rest.Add(new PageRun(next, header.Pages - next));
        return rest;
    }

    private static List<PageRun> Written(string trace)
    {
        using var reader = DirtyPageTrace.Open(trace);
        var (seen, runs) = (new PageSet(reader.Header.Pages), new List<PageRun>());
        while (reader.ReadInterval())
            while (reader.ReadRun(out var run)) seen.Add(new HvaRange(new Hva(run.First), run.Count));
        foreach (var page in seen) runs.Append(page.Value, 1);
        return runs;
    }

    private static void Put(MemoryStream words, long microseconds, List<PageRun> runs)
    {
        Put(words, (uint)microseconds);
        Put(words, (uint)runs.Count);
        Put(words, (uint)runs.Sum(run => run.Count));
        foreach (var run in runs) Put(words, run);
    }

    private static void Put(MemoryStream words, PageRun run)
    {
        Put(words, (uint)run.First);
        Put(words, (uint)run.Count);
    }

    private static void Put(MemoryStream words, uint word)
    {
        Span<byte> bytes = stackalloc byte[sizeof(uint)];
        BinaryPrimitives.WriteUInt32LittleEndian(bytes, word);
        words.Write(bytes);
    }
}
