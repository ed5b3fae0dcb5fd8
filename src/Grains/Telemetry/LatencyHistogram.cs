using HdrHistogram;
using HdrHistogram.Encoding;
using HdrHistogram.Utilities;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Latencies of all actors of a silo, to 1 % from 1 us to ten minutes. All have the same layout, so that those of many silos merge without
/// loss into the percentiles of a run. One for each actor would take more memory than its VM, and more time to tell than what it counts.
/// Safe from any thread.
/// </summary>
public sealed class LatencyHistogram
{
    internal const long HighestMicroseconds = 600_000_000;
    private const int SignificantDigits = 2;

    private readonly Lock _gate = new();
    private readonly Recorder _newest = new(
        1, HighestMicroseconds, SignificantDigits, (id, low, high, digits) => new LongConcurrentHistogram(id, low, high, digits));
    private readonly LongHistogram _before = Empty();
    private HistogramBase? _spare;

    /// <summary>Counts one latency; what is longer than ten minutes counts as ten minutes, and a negative one (never measured) as
    /// none.</summary>
    public void Record(long microseconds) => _newest.RecordValue(Math.Clamp(microseconds, 0, HighestMicroseconds));

    /// <summary>What was recorded, for the way to the driver; empty when nothing was.</summary>
    public byte[] Encode()
    {
        lock (_gate)
        {
            Gather();
            return _before.TotalCount == 0 ? [] : HistogramEncoding.Encode(_before);
        }
    }

    /// <summary>Forgets what was recorded.</summary>
    public void Reset()
    {
        lock (_gate)
        {
            Gather();
            _before.Reset();
        }
    }

    /// <summary>A histogram with the layout of all.</summary>
    public static LongHistogram Empty() => new(1, HighestMicroseconds, SignificantDigits);

    private void Gather()
    {
        _spare = _newest.GetIntervalHistogram(_spare);
        if (_spare.TotalCount > 0) _before.Add(_spare);
    }
}

/// <summary>Histograms as bytes: HdrHistogram's own V2 format. A run of zeroes takes a byte or two; a typical histogram is under a
/// kilobyte.</summary>
public static class HistogramEncoding
{
    public static byte[] Encode(HistogramBase histogram)
    {
        ArgumentNullException.ThrowIfNull(histogram);
        var buffer = ByteBuffer.Allocate(histogram.GetNeededByteBufferCapacity());
        var bytes = new byte[histogram.Encode(buffer, HistogramEncoderV2.Instance)];

        // The buffer keeps its array to itself.
        buffer.Position = 0;
        for (var i = 0; i < bytes.Length; i++) bytes[i] = buffer.Get();
        return bytes;
    }

    /// <summary>The histogram that was encoded; an empty one for no bytes.</summary>
    public static HistogramBase Decode(byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        return bytes.Length == 0
            ? LatencyHistogram.Empty()
            : HdrHistogram.HistogramEncoding.DecodeFromByteBuffer(ByteBuffer.Allocate(bytes), 0, null);
    }

    /// <summary>Adds what <paramref name="bytes"/> encode to <paramref name="total"/>, exactly.</summary>
    public static void AddTo(HistogramBase total, byte[] bytes)
    {
        ArgumentNullException.ThrowIfNull(total);
        if (bytes.Length > 0) total.Add(Decode(bytes));
    }
}
