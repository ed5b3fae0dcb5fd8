using System.Diagnostics;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// A silo's spans of a run on a cluster that was there before, in lines of OTLP JSON, until the run's driver has fetched them: a silo need
/// have no disk. It keeps some megabytes at most; what the driver does not fetch in time is counted and dropped. Safe from any thread.
/// </summary>
public sealed class TracePart : IDisposable
{
    public const int BytesMax = 16 << 20;

    /// <summary>A message between silo and driver should be no larger.</summary>
    private const int PieceBytesMax = 1 << 20;

    private readonly Lock _gate = new();
    private readonly Queue<(byte[] Line, int Spans)> _kept = new();
    private readonly SpanLines _lines;
    private readonly int _bytesMax;
    private long _first;
    private long _bytes;
    private long _overBytes;
    private string? _failure;
    private bool _closed;

    /// <param name="bytesMax">of the lines that it keeps at a time</param>
    public TracePart(int bytesMax = BytesMax)
    {
        _bytesMax = bytesMax;
        _lines = new SpanLines(Keep);
    }

    /// <summary>Takes a span that has ended; one for which there is no room is counted.</summary>
    public void Add(Activity span, SpanOrigin origin) => _lines.Add(span, origin);

    /// <summary>The next lines. The same call again gives the same lines, so that one whose answer was lost can be repeated.</summary>
    /// <param name="from">how many lines the driver has; these are kept no longer</param>
    public TracePiece Read(long from)
    {
        lock (_gate)
        {
            for (; _first < from && _kept.TryDequeue(out var had); _first++) _bytes -= had.Line.Length;
            using var text = new MemoryStream();
            var (count, spans) = (0, 0);
            foreach (var (line, of) in _kept)
            {
                if (count > 0 && text.Length + line.Length > PieceBytesMax) break;
                text.Write(line);
                (count, spans) = (count + 1, spans + of);
            }

            return new TracePiece(text.ToArray(), _first + count, spans, _kept.Count - count, _overBytes + _lines.Dropped, _failure);
        }
    }

    /// <summary>Takes no more spans; those that were taken can be read. Again: nothing.</summary>
    public void Close()
    {
        if (_closed) return;
        var failure = _lines.Close();
        lock (_gate) (_closed, _failure) = (true, failure);
    }

    public void Dispose() => _lines.Dispose();

    private void Keep(ReadOnlySpan<byte> line, int spans)
    {
        lock (_gate)
        {
            if (_bytes + line.Length > _bytesMax)
            {
                _overBytes += spans;
                return;
            }

            _kept.Enqueue((line.ToArray(), spans));
            _bytes += line.Length;
        }
    }
}

/// <summary>Some lines of a silo's spans.</summary>
/// <param name="Lines">each with its end</param>
/// <param name="Next">how many lines the driver has with these</param>
/// <param name="Spans">in these lines</param>
/// <param name="Left">lines that are there still</param>
/// <param name="Dropped">spans of the run that found no room in the silo</param>
/// <param name="Failure">why the spans are not whole; null when they are</param>
[GenerateSerializer, Immutable, Alias("Livebed.TracePiece")]
public sealed record TracePiece(byte[] Lines, long Next, int Spans, int Left, long Dropped, string? Failure);
