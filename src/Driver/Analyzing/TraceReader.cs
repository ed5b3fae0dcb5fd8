using System.Globalization;
using System.Text.Json;
using Livebed.Driver.Errors;
using Livebed.Kvm.Files;

namespace Livebed.Driver.Analyzing;

/// <summary>
/// Reads the spans of a file, one after the other: OTLP JSON lines, of which one is in memory at a time, or one JSON document as a query
/// service answers it, which is read whole. Wrong input is a <see cref="UsageException"/> that names the line.
/// </summary>
/// <param name="path">the file</param>
/// <param name="label">what messages call it</param>
/// <param name="isDistinct">a span that comes again is left out: two answers of a service may have the same trace</param>
internal sealed class TraceReader(string path, string label, bool isDistinct = false)
{
    /// <summary>Spans that are known again.</summary>
    private const int DistinctMax = 8_000_000;

    /// <summary>Collectors batch thousands of spans into a line, and no more.</summary>
    private const int LineBytesMax = 64 << 20;

    private const int FirstBytes = 1 << 20;
    private const string Allowed =
        "allowed: OTLP JSON lines as in traces.otlp.jsonl, or an answer of Jaeger's /api/v3/traces or /api/traces";

    /// <param name="stop">stops between two lines</param>
    /// <param name="some">lines without these traces are left out, others are read whole; null reads all</param>
    public IEnumerable<SpanRecord> Read(CancellationToken stop, TraceIdFilter? some = null)
    {
        var seen = new HashSet<ulong>();
        using var file = Open();
        foreach (var (document, line) in Documents(file, some, stop))
            using (var spans = document.Spans().GetEnumerator())
                while (Next(spans, line))
                    if (!isDistinct || IsNew(seen, spans.Current)) yield return spans.Current;
    }

    private IEnumerable<(OtlpDocument Document, long Line)> Documents(FileStream file, TraceIdFilter? some, CancellationToken stop)
    {
        var buffer = new byte[FirstBytes];
        var (filled, searched, line) = (0, 0, 1L);
        for (var isOver = false; !isOver || filled > 0;)
        {
            stop.ThrowIfCancellationRequested();
            var end = buffer.AsSpan(searched, filled - searched).IndexOf((byte)'\n');
            if (end < 0 && !isOver)
            {
                searched = filled;
                if (filled == buffer.Length) buffer = Grow(buffer, line);
                var read = Fill(file, buffer, filled);
                isOver = read == 0;
                filled += read;
                continue;
            }

            var length = end < 0 ? filled : searched + end;
            // The first line is read whatever it has: it may be the beginning of one document.
            var isLeftOut = line > 1 && some?.MayBeIn(buffer.AsSpan(0, length)) == false;
            if (!isLeftOut && Parse(buffer.AsMemory(0, length), line) is { } document)
            {
                yield return (document, line);
            }
            else if (length > 0 && line == 1)
            {
                // Not a line by itself: one document over many lines.
                yield return (Whole(file), 1);
                yield break;
            }

            var next = Math.Min(filled, length + 1);
            buffer.AsSpan(next, filled - next).CopyTo(buffer);
            (filled, searched, line) = (filled - next, 0, line + 1);
        }
    }

    /// <summary>Null for an empty line, and for a first line that is no JSON value by itself.</summary>
    private OtlpDocument? Parse(ReadOnlyMemory<byte> text, long line)
    {
        var json = text.Span.Trim(" \t\r"u8);
        if (json.IsEmpty) return null;
        try
        {
            var document = JsonSerializer.Deserialize(json, OtlpJsonContext.Default.OtlpDocument);
            return document is { IsTraces: true } ? document : throw Wrong(line, "has no resourceSpans");
        }
        catch (JsonException) when (line == 1 && (json[0] == '{' || json[0] == '[') && json[^1] is not (byte)'}')
        {
            return null;
        }
        catch (JsonException e)
        {
            throw Wrong(line, e.Message);
        }
    }

    private OtlpDocument Whole(FileStream file)
    {
        if (file.Length > LineBytesMax)
            throw new UsageException($"{label}: is no line of JSON, and {file.Length >> 20} MiB are too much for one document; {Allowed}");
        file.Position = 0;
        try
        {
            var document = JsonSerializer.Deserialize(file, OtlpJsonContext.Default.OtlpDocument);
            return document is { IsTraces: true } ? document : throw Wrong(1, "has no resourceSpans");
        }
        catch (JsonException e)
        {
            throw Wrong((e.LineNumber ?? 0) + 1, e.Message);
        }
    }

    private static bool IsNew(HashSet<ulong> seen, SpanRecord span) =>
        seen.Count >= DistinctMax || !ulong.TryParse(span.SpanId, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var id)
            || seen.Add(id);

    private bool Next(IEnumerator<SpanRecord> spans, long line)
    {
        try
        {
            return spans.MoveNext();
        }
        catch (JsonException e)
        {
            throw Wrong(line, e.Message);
        }
    }

    private byte[] Grow(byte[] buffer, long line)
    {
        if (buffer.Length >= LineBytesMax) throw Wrong(line, $"is longer than {LineBytesMax >> 20} MiB");
        Array.Resize(ref buffer, buffer.Length * 2);
        return buffer;
    }

    private FileStream Open()
    {
        try
        {
            return InputFile.Open(path);
        }
        catch (InputFileException e)
        {
            throw new UsageException($"{label}: {e.Message}; {Allowed}");
        }
    }

    private int Fill(FileStream file, byte[] buffer, int filled)
    {
        try
        {
            return file.Read(buffer, filled, buffer.Length - filled);
        }
        catch (IOException e)
        {
            throw new UsageException($"{label}: cannot be read ({OneLine.Of(e.Message)}); {Allowed}");
        }
    }

    private UsageException Wrong(long line, string problem) => new($"{label}:{line}: {OneLine.Of(problem)}; {Allowed}");
}
