using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using Livebed.Kvm.Addresses;

namespace Livebed.Kvm.Guests;

/// <summary>
/// Writes a trace as <see cref="DirtyPageTraceReader"/> reads it. An interval whose line would be too long is written as several of the
/// same time, and zero runs that do not fit into a header are left out; their number stays. So a header counts lines: it is made when all
/// intervals are known.
/// </summary>
public static class DirtyPageTraceWriter
{
    // A page and a count of at most 8 digits each, with a space and a plus sign.
    private const int RunBytesMax = 18;
    private const int RunsOfALine = (DirtyPageTrace.MaxLineBytes - 32) / RunBytesMax;

    // The rest of the header is short, but for the names, which are escaped to six bytes a character at most.
    private const int TextMax = 200;
    private const int ZeroRunsBytesMax = DirtyPageTrace.MaxHeaderBytes - 8192;

    private static readonly JsonWriterOptions _plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Lines that an interval of so many runs takes.</summary>
    public static long LinesOf(long runs) => Math.Max(1, (runs + RunsOfALine - 1) / RunsOfALine);

    /// <param name="stream">is left open</param>
    /// <param name="header">with as many intervals as there are lines</param>
    /// <param name="intervals">times in microseconds, and runs in ascending order and apart</param>
    public static void Write(
        Stream stream, DirtyPageTraceHeader header, IEnumerable<(long TimeMicroseconds, IReadOnlyList<PageRun> Runs)> intervals)
    {
        using var gzip = new GZipStream(stream, CompressionLevel.Optimal, leaveOpen: true);
        using var buffered = new BufferedStream(gzip, 1 << 16);
        buffered.Write(HeaderOf(header));
        buffered.WriteByte((byte)'\n');
        Span<byte> item = stackalloc byte[64];
        foreach (var (time, runs) in intervals)
            for (var first = 0; first == 0 || first < runs.Count; first += RunsOfALine)
            {
                time.TryFormat(item, out var written, default, CultureInfo.InvariantCulture);
                buffered.Write(item[..written]);
                for (var index = first; index < Math.Min(runs.Count, first + RunsOfALine); index++)
                {
                    buffered.WriteByte((byte)' ');
                    WriteRun(buffered, runs[index], item);
                }

                buffered.WriteByte((byte)'\n');
            }
    }

    private static void WriteRun(Stream stream, PageRun run, Span<byte> item)
    {
        run.First.TryFormat(item, out var written, default, CultureInfo.InvariantCulture);
        stream.Write(item[..written]);
        if (run.Count == 1) return;
        stream.WriteByte((byte)'+');
        run.Count.TryFormat(item, out written, default, CultureInfo.InvariantCulture);
        stream.Write(item[..written]);
    }

    private static byte[] HeaderOf(DirtyPageTraceHeader header)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, _plain))
        {
            json.WriteStartObject();
            json.WriteString("format", DirtyPageTraceHeader.Format);
            json.WriteString("name", Shorten(header.Name));
            json.WriteString("source", Shorten(header.Source));
            json.WriteNumber("pageSize", header.PageSize);
            json.WriteNumber("pages", header.Pages);
            json.WriteNumber("intervals", header.Intervals);
            if (header.Backend is { } backend) json.WriteString("backend", backend);
            if (header.Memory is { } memory) json.WriteString("memory", memory);
            if (header.StartedAt is { } started) json.WriteString("startedAt", started.ToString("O", CultureInfo.InvariantCulture));
            if (header.Slowdown is { } slowdown) json.WriteNumber("slowdown", Math.Min(slowdown, DirtyPageTraceHeader.MaxSlowdown));
            if (header.ZeroPages is { } zero) json.WriteNumber("zeroPages", zero);
            if (header.ZeroRuns is { } runs && TextOf(runs) is { Length: <= ZeroRunsBytesMax } text) json.WriteString("zeroRuns", text);
            json.WriteEndObject();
        }

        return buffer.ToArray();
    }

    private static string TextOf(IReadOnlyList<HvaRange> runs)
    {
        var text = new StringBuilder();
        foreach (var run in runs)
        {
            if (text.Length > 0) text.Append(' ');
            text.Append(CultureInfo.InvariantCulture, $"{run.Start.Value}");
            if (run.Pages > 1) text.Append(CultureInfo.InvariantCulture, $"+{run.Pages}");
            if (text.Length > ZeroRunsBytesMax) break;
        }

        return text.ToString();
    }

    private static string Shorten(string text) => text.Length <= TextMax ? text : text[..TextMax];
}
