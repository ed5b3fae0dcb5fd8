using Livebed.Kvm.Addresses;
using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>What is written is read again, and a reader's bounds are a writer's.</summary>
public sealed class TraceWriterTests : IDisposable
{
    private readonly string _path = Path.GetTempFileName();

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void What_is_written_is_read()
    {
        var header = new DirtyPageTraceHeader("a \"name\" \u001b", "süd", 4096, 100, 2)
        {
            ZeroPages = 11,
            ZeroRuns = [new HvaRange(new Hva(0), 10), new HvaRange(new Hva(99), 1)],
            Backend = "wp-async",
            Memory = DirtyPageTraceHeader.OfGuest,
            StartedAt = new DateTimeOffset(2026, 11, 29, 17, 0, 0, TimeSpan.Zero),
        };
        Write(header, (10_000, [new(0, 3), new(7, 1)]), (20_000, []));
        using var reader = DirtyPageTrace.Open(_path);
        Assert.Equal(header with { ZeroRuns = null }, reader.Header with { ZeroRuns = null });
        Assert.Equal(header.ZeroRuns, reader.Header.ZeroRuns);
        Assert.True(reader.ReadInterval());
        Assert.True(
            reader.ReadRun(out var first) && reader.ReadRun(out var second) && !reader.ReadRun(out _) && second == new PageRun(7, 1));
        Assert.Equal(new PageRun(0, 3), first);
        Assert.True(reader.ReadInterval());
        Assert.Equal(20_000, reader.TimeMicroseconds);
        Assert.False(reader.ReadRun(out _));
        Assert.False(reader.ReadInterval());
    }

    [Fact]
    public void An_interval_of_very_many_runs_is_several_lines()
    {
        var runs = Enumerable.Range(0, 70_000).Select(index => new PageRun(60_000_000 + index * 2L, 1)).ToList();
        var lines = DirtyPageTraceWriter.LinesOf(runs.Count);
        Assert.Equal(2, lines);
        Write(new DirtyPageTraceHeader("n", "s", 4096, DirtyPageTrace.MaxPages, lines), (10_000, runs));
        var totals = DirtyPageTrace.Validate(_path);
        Assert.Equal((lines, 70_000), (totals.Intervals, totals.PageWrites));
    }

    [Fact]
    public void Zero_runs_that_do_not_fit_are_left_out_and_their_number_stays()
    {
        var runs = Enumerable.Range(0, 200_000).Select(index => new HvaRange(new Hva(index * 2L), 1)).ToList();
        Write(new DirtyPageTraceHeader("n", "s", 4096, 400_000, 1) { ZeroPages = 200_000, ZeroRuns = runs }, (10_000, []));
        var header = DirtyPageTrace.ReadHeader(_path);
        Assert.Equal((200_000, null), (header.ZeroPages, header.ZeroRuns));
    }

    [Theory]
    [InlineData("\"memory\":\"disk\"", "memory is 'disk'; memory is guest or process")]
    [InlineData("\"startedAt\":\"soon\"", "startedAt is 'soon'; startedAt is a time, as in 2026-01-31T10:00:00Z")]
    [InlineData("\"backend\":1", "backend is a JSON number; backend is text in quotes")]
    public void What_a_recorder_says_of_itself_is_checked(string field, string message)
    {
        using var file = TraceFile.OfText(
            $$"""{"format":"dirty-page-trace/1","name":"t","source":"s","pageSize":4096,"pages":1,"intervals":1,{{field}}}""" + "\n1\n");
        var exception = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.ReadHeader(file.Path));
        Assert.EndsWith(message, exception.Message, StringComparison.Ordinal);
    }

    private void Write(DirtyPageTraceHeader header, params (long, IReadOnlyList<PageRun>)[] intervals)
    {
        using var file = File.Create(_path);
        DirtyPageTraceWriter.Write(file, header, intervals);
    }
}
