using System.Diagnostics;
using System.Globalization;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// <c>traces.otlp.jsonl</c>: each line is an OTLP trace export in JSON, as the OpenTelemetry collector's file exporter writes them, so that
/// the file receivers of the collector and of Jaeger read it. Nothing waits for the file, and nothing fails because of it: what finds no
/// room in the queue or in the file is counted and dropped. Every process of a run has a part, which it writes, or which the driver fetches
/// from it; the driver's <see cref="Complete"/> joins them. Safe from any thread.
/// </summary>
public sealed class TraceFile : IDisposable
{
    public const long DefaultBytesMax = 256L << 20;

    private const string DroppedSuffix = ".dropped";

    private readonly FileStream _file;
    private readonly SpanLines _lines;
    private readonly List<string> _parts = [];
    private readonly List<string> _missing = [];
    private readonly Lock _gate = new();
    private long _written;
    private long _spans;
    private long _overBytes;
    private bool _closed;

    /// <param name="path">the file, which must not exist</param>
    /// <param name="bytesMax">of all parts together in the end, and of each part before</param>
    /// <exception cref="IOException">It exists, or cannot be made.</exception>
    public TraceFile(string path, long bytesMax = DefaultBytesMax)
    {
        (FullPath, BytesMax) = (Path.GetFullPath(path), bytesMax);
        _file = new FileStream(path, FileMode.CreateNew, FileAccess.Write, FileShare.Read, bufferSize: 0);
        _lines = new SpanLines(WriteLine);
    }

    public string FullPath { get; }
    public long BytesMax { get; }

    /// <summary>Spans in the file; after <see cref="Complete"/> those of all parts, less what was dropped.</summary>
    public long Spans => Interlocked.Read(ref _spans);

    /// <summary>Spans that found no room in the file or in the queue, of all parts after <see cref="Complete"/>.</summary>
    public long Dropped => Interlocked.Read(ref _overBytes) + _lines.Dropped;

    /// <summary>Of each process whose spans are not all there, which it is and why.</summary>
    public IReadOnlyList<string> Missing
    {
        get
        {
            lock (_gate) return [.. _missing];
        }
    }

    /// <summary>Why the file could not be written to its end; null when it could.</summary>
    public string? Failure { get; private set; }

    /// <summary>Takes a span that has ended; one for which there is no room is counted.</summary>
    public void Add(Activity span, SpanOrigin origin) => _lines.Add(span, origin);

    /// <summary>Counts spans of another process that found no room.</summary>
    public void Drop(long spans) => Interlocked.Add(ref _overBytes, spans);

    /// <summary>Another process has more spans than are in its part.</summary>
    public void Misses(string process, string why)
    {
        lock (_gate) _missing.Add($"{process} ({why})");
    }

    /// <summary>The file of another process of the run, beside this one; it is joined in the end if it is there.</summary>
    public string AddPart(string process)
    {
        var part = $"{FullPath}.{process}";
        lock (_gate) _parts.Add(part);
        return part;
    }

    /// <summary>Writes what is queued and closes the file. A part leaves word of what it dropped. Again: nothing.</summary>
    public void Close()
    {
        lock (_gate)
        {
            if (_closed) return;
            _closed = true;
            var problem = _lines.Close();
            Failure ??= problem;
            Try(_file.Dispose);
            if (Dropped > 0) Try(() => File.WriteAllText(FullPath + DroppedSuffix, Dropped.ToString(CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>Closes the file, adds the parts that other processes have written, and gives it its name.</summary>
    public void Complete(string name)
    {
        lock (_gate)
        {
            if (_closed) return;
            Close();
            Try(JoinParts);
            Try(() => File.Delete(FullPath + DroppedSuffix));
            if (Failure is null) Try(() => File.Move(FullPath, name, overwrite: true));
        }
    }

    public void Dispose()
    {
        Close();
        _lines.Dispose();
    }

    private void WriteLine(ReadOnlySpan<byte> line, int spans)
    {
        if (Failure is not null) return;
        if (_written + line.Length > BytesMax)
        {
            Interlocked.Add(ref _overBytes, spans);
            return;
        }

        try
        {
            _file.Write(line);
            _written += line.Length;
            Interlocked.Add(ref _spans, spans);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Failure = exception.Message;
        }
    }

    private void JoinParts()
    {
        using var whole = new FileStream(FullPath, FileMode.Append, FileAccess.Write);
        foreach (var part in _parts.Where(File.Exists))
        {
            Join(whole, part);
            File.Delete(part);
            if (!File.Exists(part + DroppedSuffix)) continue;
            if (long.TryParse(File.ReadAllText(part + DroppedSuffix), CultureInfo.InvariantCulture, out var dropped)) _overBytes += dropped;
            File.Delete(part + DroppedSuffix);
        }
    }

    /// <summary>Line by line: a process that was killed may have left the half of one, which is no span.</summary>
    private void Join(FileStream whole, string part)
    {
        using var lines = new StreamReader(part, System.Text.Encoding.UTF8, detectEncodingFromByteOrderMarks: false, bufferSize: 1 << 16);
        var ends = EndsWithNewLine(part);
        while (lines.ReadLine() is { } line)
        {
            if (lines.EndOfStream && !ends) break;
            var bytes = System.Text.Encoding.UTF8.GetBytes(line + "\n");
            var spans = OtlpJson.CountSpans(bytes);
            if (_written + bytes.Length > BytesMax)
            {
                _overBytes += spans;
                continue;
            }

            whole.Write(bytes);
            _written += bytes.Length;
            _spans += spans;
        }
    }

    private static bool EndsWithNewLine(string path)
    {
        using var file = File.OpenRead(path);
        if (file.Length == 0) return true;
        file.Seek(-1, SeekOrigin.End);
        return file.ReadByte() == '\n';
    }

    private void Try(Action write)
    {
        try
        {
            write();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            Failure ??= exception.Message;
        }
    }
}
