using Livebed.Kvm.Guests;

namespace Livebed.Kvm.Tests.Guests;

/// <summary>Every way in which a trace can be wrong gives one line: file, line, what was wrong, what is allowed.</summary>
public sealed class TraceFormatTests
{
    private const string Keys = "line 1 is a JSON object with format (\"dirty-page-trace/1\"), name, source, pageSize, pages and intervals";
    private const string File = "a readable gzip file (one member) of a dirty-page-trace/1 is allowed";

    [Fact]
    public void Missing_file() =>
        Assert.Equal(
            $"/nowhere/x.gz: there is no such file; {File}",
            Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate("/nowhere/x.gz")).Message);

    [Fact]
    public void Folder() =>
        Assert.Equal($"/: is a folder; {File}", Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate("/")).Message);

    [Fact]
    public void Not_gzip()
    {
        using var file = new TraceFile("hello, this is no gzip file"u8.ToArray());
        AssertWrong(file, 1, "is not gzip", File);
    }

    [Fact]
    public void Empty_file()
    {
        using var file = new TraceFile([]);
        var problem = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(file.Path));
        Assert.Equal($"{file.Path}: is empty or no regular file; {File}", problem.Message);
    }

    [Fact]
    public void Gzip_that_is_cut_off_anywhere_is_refused()
    {
        var whole = TraceFile.Gzip(TraceFile.Header(1000, 3) + "\n0 1+30 70\n9 5 77+9\n11\n");
        for (var length = 1; length < whole.Length; length++)
        {
            using var file = new TraceFile(whole[..length]);
            var error = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(file.Path));
            Assert.Contains(length < 2 ? "is not gzip" : "damaged or cut off", error.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Truncated_recording_is_refused_with_its_line()
    {
        var whole = System.IO.File.ReadAllBytes(RecordedTraces.Sqlite);
        using var file = new TraceFile(whole[..(whole.Length / 2)]);
        var error = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(file.Path));
        Assert.Equal($"{file.Path}, line {error.Line}: the gzip data is damaged or cut off; {File}", error.Message);
        Assert.InRange(error.Line, 2, 185);
    }

    [Fact]
    public void Damaged_gzip_is_refused()
    {
        var bytes = TraceFile.Gzip(TraceFile.Header(1000, 3) + "\n0 1+30 70\n9 5 77+9\n11\n");
        bytes[^5] ^= 0x40;
        using var file = new TraceFile(bytes);
        Assert.Contains(
            "damaged or cut off", Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(file.Path)).Message,
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("", "the header is not JSON (at byte 0)", Keys)]
    [InlineData("{\"format\": ", "the header is not JSON (at byte 11)", Keys)]
    [InlineData("[1]", "the header is a JSON array", Keys)]
    [InlineData("{\"name\": \"x\"}", "format is missing from the header", Keys)]
    [InlineData("{\"format\": 1}", "format is a JSON number", "format is text in quotes")]
    [InlineData("{\"format\": \"dirty-page-trace/2\"}", "the format is 'dirty-page-trace/2'", Keys)]
    [InlineData("{\"format\": \"a\\nb\"}", "the format is 'a?b'", Keys)]
    [InlineData("{\"format\": \"\\ud800\"}", "the header holds text that is not Unicode", Keys)]
    [InlineData("{\"format\": \"dirty-page-trace/1\", \"pageSize\": 0}", "pageSize is 0", "pageSize is an integer from 512 to 1073741824")]
    [InlineData("{\"format\": \"dirty-page-trace/1\", \"pageSize\": 4095}", "pageSize is 4095", "pageSize is a power of two from 512 to "
        + "1073741824")]
    [InlineData("{\"format\": \"dirty-page-trace/1\", \"pageSize\": \"4k\"}", "pageSize is \"4k\"", "pageSize is an integer from 512 to "
        + "1073741824")]
    [InlineData("{\"format\": \"dirty-page-trace/1\", \"pageSize\": 4096}", "name is missing from the header", Keys)]
    [InlineData("{\"format\": \"dirty-page-trace/1\", \"pageSize\": 4096, \"name\": \"x\", \"source\": \"y\", \"pages\": -3}",
        "pages is -3", "pages is an integer from 1 to 67108864")]
    [InlineData("{\"format\": \"dirty-page-trace/1\", \"pageSize\": 4096, \"name\": \"x\", \"source\": \"y\", \"pages\": 9, "
        + "\"intervals\": 1.5}",
        "intervals is 1.5", "intervals is an integer from 1 to 10000000")]
    public void Wrong_header(string header, string wrong, string allowed)
    {
        using var file = TraceFile.OfText(header + "\n0 1\n");
        AssertWrong(file, 1, wrong, allowed);
    }

    [Fact]
    public void Header_that_is_too_long()
    {
        using var file = TraceFile.OfText(new string(' ', DirtyPageTrace.MaxHeaderBytes + 1));
        AssertWrong(file, 1, "the header is too long", "a header has at most 1048576 bytes");
    }

    [Theory]
    [InlineData("", "the end of the line at byte 1 of the line", "a time in microseconds starts the line")]
    [InlineData("x", "'x' at byte 1 of the line", "a time in microseconds starts the line")]
    [InlineData("-1", "'-' at byte 1 of the line", "a time in microseconds starts the line")]
    [InlineData("5 1 ", "the end of the line at byte 5 of the line", "after a space comes a page or page+count")]
    [InlineData("5  1", "byte 0x20 at byte 3 of the line", "after a space comes a page or page+count")]
    [InlineData("5 1\r", "byte 0x0d at byte 4 of the line", "numbers are separated by one space")]
    [InlineData("5 1.5", "'.' at byte 4 of the line", "numbers are separated by one space")]
    [InlineData("5 1+", "the end of the line at byte 5 of the line", "after '+' comes the count of pages")]
    [InlineData("5 1+0", "a run has 0 pages", "a count is at least 1")]
    [InlineData("5 1234567890123456789", "a page has more than 18 digits", "after a space comes a page or page+count")]
    [InlineData("5 100", "page 100 is out of range", "the header allows pages 0 to 99")]
    [InlineData("5 98+3", "page 100 is out of range", "the header allows pages 0 to 99")]
    [InlineData("5 98+999999999999999999", "page 1000000000000000096 is out of range", "the header allows pages 0 to 99")]
    [InlineData("5 7 6", "page 6 comes after page 7", "the pages of an interval are in ascending order")]
    [InlineData("5 7+3 8", "page 8 comes after page 9", "the pages of an interval are in ascending order")]
    [InlineData("2 7", "the time 2 is before the previous interval's 3", "times never go backwards")]
    [InlineData("1000000000001", "the time 1000000000001 is out of range", "times are 0 to 1000000000000 microseconds")]
    public void Wrong_interval(string line, string wrong, string allowed)
    {
        using var file = TraceFile.Of(100, "0 1", "3 2+3", line, "2000000000000");
        AssertWrong(file, 4, wrong, allowed);
    }

    [Fact]
    public void Line_that_is_too_long()
    {
        using var file = TraceFile.Of(1_000_000, "0 " + string.Join(' ', Enumerable.Range(100_000, 200_000)));
        AssertWrong(file, 2, "the line is too long", "a line has at most 1048576 bytes");
    }

    [Fact]
    public void Fewer_intervals_than_promised()
    {
        using var file = TraceFile.Of(100, 5, "0 1", "3 2");
        AssertWrong(file, 4, "the file ends after 2 intervals", "the header promises 5");
    }

    [Fact]
    public void More_intervals_than_promised()
    {
        using var file = TraceFile.Of(100, 1, "0 1", "3 2");
        AssertWrong(file, 3, "there are more intervals than promised", "the header promises 1");
    }

    private static void AssertWrong(TraceFile file, long line, string wrong, string allowed)
    {
        var error = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(file.Path));
        Assert.Equal($"{file.Path}, line {line}: {wrong}; {allowed}", error.Message);
        Assert.Equal((file.Path, line), (error.Path, error.Line));
    }

    [Fact]
    public void Intervals_that_add_up_to_more_than_a_guest_can_write_are_refused_before_they_are_gone_through()
    {
        const long Pages = DirtyPageTrace.MaxPages;
        using var file = TraceFile.Of(Pages, 2_000_000, [.. Enumerable.Range(0, 100).Select(interval => $"{interval} 0+{Pages}")]);
        var problem = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(file.Path));
        Assert.Contains("line 66: the intervals write too many pages; at most 4294967296", problem.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Pages_that_are_written_faster_than_any_memory_are_refused()
    {
        const long Pages = 4 * DirtyPageTrace.MaxPageWritesAtOnce;
        using var fast = TraceFile.Of(Pages, $"0 0+{Pages}", "100000 0");
        var problem = Assert.Throws<TraceFormatException>(() => DirtyPageTrace.Validate(fast.Path));
        Assert.Contains("pages are written in 100000 microseconds", problem.Message, StringComparison.Ordinal);
        using var slow = TraceFile.Of(Pages, $"0 0+{Pages}", "400000 0");
        Assert.Equal(Pages + 1, DirtyPageTrace.Validate(slow.Path).PageWrites);
    }
}
