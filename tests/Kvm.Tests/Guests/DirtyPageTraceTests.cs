using System.IO.Compression;
using CsCheck;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>What the reader makes of well-formed traces, held against a parser that is as plain as can be.</summary>
public sealed class DirtyPageTraceTests
{
    [Theory]
    [InlineData("redis", 52_148, 385, 889_796, 3_927_431)]
    [InlineData("sqlite", 32_997, 184, 435_966, 1_843_492)]
    [InlineData("xz", 26_028, 396, 1_932_311, 4_001_153)]
    public void Recorded_traces_add_up_to_what_was_recorded(string name, long pages, long intervals, long writes, long microseconds)
    {
        var path = RecordedTraces.PathOf(name);
        Assert.Equal(new DirtyPageTraceHeader(name, "see README", 4096, pages, intervals), DirtyPageTrace.ReadHeader(path));
        Assert.Equal(new DirtyPageTraceTotals(intervals, writes, pages, microseconds), DirtyPageTrace.Validate(path));
    }

    [Theory]
    [InlineData("redis")]
    [InlineData("sqlite")]
    [InlineData("xz")]
    public void Recorded_intervals_equal_those_of_a_plain_parser(string name) =>
        Assert.Equal(PlainParse(RecordedTraces.PathOf(name)), ReadAll(RecordedTraces.PathOf(name)));

    [Fact]
    public void Any_well_formed_trace_reads_as_a_plain_parser_reads_it()
    {
        var run = Gen.Select(Gen.Int[0, 50], Gen.Int[1, 200]);
        var interval = Gen.Select(Gen.Int[0, 30_000], run.Array[0, 200]);
        interval.Array[1, 60].Sample(
            intervals =>
            {
                using var file = TraceFile.Of(100_000, Lines(intervals));
                return ReadAll(file.Path).SequenceEqual(PlainParse(file.Path));
            },
            iter: 200);
    }

    [Fact]
    public void Runs_that_the_caller_skips_do_not_shift_the_next_interval()
    {
        using var file = TraceFile.Of(100, "0 1 3+4 99", "5 2", "5", "9 7+2");
        using var reader = DirtyPageTrace.Open(file.Path);
        Assert.True(reader.ReadInterval());
        Assert.True(reader.ReadRun(out _));
        Assert.True(reader.ReadInterval());
        Assert.True(reader.ReadRun(out var run));
        Assert.Equal(new PageRun(2, 1), run);
        Assert.True(reader.ReadInterval());
        Assert.False(reader.ReadRun(out _));
        Assert.True(reader.ReadInterval());
        Assert.Equal(9, reader.TimeMicroseconds);
        Assert.False(reader.ReadInterval());
        Assert.False(reader.ReadInterval());
    }

    [Fact]
    public void Rewind_gives_the_same_intervals_again()
    {
        using var reader = DirtyPageTrace.Open(RecordedTraces.Sqlite);
        var first = Drain(reader);
        reader.Rewind();
        Assert.Equal(first, Drain(reader));
    }

    [Fact]
    public void A_page_where_two_runs_meet_counts_twice_as_it_was_recorded()
    {
        using var file = TraceFile.Of(100, "0 7+3 9+2 10");
        Assert.Equal(new DirtyPageTraceTotals(1, 6, 4, 0), DirtyPageTrace.Validate(file.Path));
    }

    [Fact]
    public void A_last_line_without_a_newline_is_read()
    {
        using var file = TraceFile.OfText(TraceFile.Header(10, 1) + "\n7 1+3");
        Assert.Equal(["7 1+3"], ReadAll(file.Path));
    }

    [Fact]
    public void Reading_allocates_neither_per_interval_nor_per_page()
    {
        using var reader = DirtyPageTrace.Open(RecordedTraces.Redis);
        Assert.True(reader.ReadInterval());
        var before = GC.GetAllocatedBytesForCurrentThread();
        while (reader.ReadInterval())
        {
            while (reader.ReadRun(out _))
            {
            }
        }

        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1024);
    }

    private static string[] Lines((int Gap, (int Skip, int Count)[] Runs)[] intervals)
    {
        var time = 0;
        return
        [
            .. intervals.Select(interval =>
            {
                var page = 0;
                var runs = interval.Runs.Select(run =>
                {
                    var first = page + run.Skip;
                    page = first + run.Count;
                    return run.Count == 1 ? $" {first}" : $" {first}+{run.Count}";
                });
                return $"{time += interval.Gap}{string.Concat(runs)}";
            }),
        ];
    }

    private static List<string> ReadAll(string path)
    {
        using var reader = DirtyPageTrace.Open(path);
        return Drain(reader);
    }

    private static List<string> Drain(DirtyPageTraceReader reader)
    {
        var lines = new List<string>();
        while (reader.ReadInterval())
        {
            var items = new List<string> { $"{reader.TimeMicroseconds}" };
            while (reader.ReadRun(out var run)) items.Add(run.Count == 1 ? $"{run.First}" : $"{run.First}+{run.Count}");
            lines.Add(string.Join(' ', items));
        }

        return lines;
    }

    private static List<string> PlainParse(string path)
    {
        using var text = new StreamReader(new GZipStream(File.OpenRead(path), CompressionMode.Decompress));
        text.ReadLine();
        var lines = new List<string>();
        while (text.ReadLine() is { } line) lines.Add(line.Replace("+1 ", " ", StringComparison.Ordinal));
        return lines;
    }
}
