using System.Diagnostics;
using System.Threading.Channels;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Spans on their way into lines of OTLP JSON. They are queued, and made into lines by a task of its own: nothing that ends a span waits.
/// A span that finds no room in the queue is counted and dropped. Safe from any thread.
/// </summary>
internal sealed class SpanLines : IDisposable
{
    private const int QueuedSpansMax = 32_768;
    private const int LineSpansMax = 512;
    private static readonly TimeSpan Gathering = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan DrainMax = TimeSpan.FromSeconds(5);

    private readonly Channel<(Activity Span, SpanOrigin Origin)> _queue =
        Channel.CreateBounded<(Activity, SpanOrigin)>(new BoundedChannelOptions(QueuedSpansMax) { SingleReader = true });

    private readonly CancellationTokenSource _closing = new();
    private readonly OtlpJson _json = new();
    private readonly Action<ReadOnlySpan<byte>, int> _take;
    private readonly Task _writing;
    private long _dropped;
    private volatile bool _closed;
    private int _isClosing;

    /// <param name="take">is given each line, with its end, and how many spans it has; on one thread at a time, and must not throw</param>
    public SpanLines(Action<ReadOnlySpan<byte>, int> take)
    {
        _take = take;
        _writing = Task.Run(WriteAsync);
    }

    /// <summary>Spans that found no room in the queue.</summary>
    public long Dropped => Interlocked.Read(ref _dropped);

    /// <summary>Takes a span that has ended; one for which there is no room is counted. After <see cref="Close"/> none is taken.</summary>
    public void Add(Activity span, SpanOrigin origin)
    {
        if (!_queue.Writer.TryWrite((span, origin)) && !_closed) Interlocked.Increment(ref _dropped);
    }

    /// <summary>Hands on what is queued. Again: nothing.</summary>
    /// <returns>what went wrong; null when nothing did</returns>
    public string? Close()
    {
        if (Interlocked.Exchange(ref _isClosing, 1) != 0) return null;
        _closed = true;
        _queue.Writer.TryComplete();
        _closing.Cancel();
        return _writing.Wait(DrainMax) ? null : $"it took longer than {DrainMax.TotalSeconds:0} s to write";
    }

    public void Dispose()
    {
        Close();
        _closing.Dispose();
        if (_writing.IsCompleted) _json.Dispose();
    }

    private async Task WriteAsync()
    {
        var reader = _queue.Reader;
        var batch = new List<(Activity Span, SpanOrigin Origin)>();
        while (await reader.WaitToReadAsync())
        {
            // A line for each span would repeat the resource every time.
            if (reader.Count < LineSpansMax)
                await Task.Delay(Gathering, _closing.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            batch.Clear();
            while (batch.Count < LineSpansMax && reader.TryRead(out var entry)) batch.Add(entry);
            _take(_json.Line(batch), batch.Count);
        }
    }
}
