using HdrHistogram;
using HdrHistogram.Encoding;
using HdrHistogram.Utilities;

namespace Livebed.Grains.Telemetry;

/// <summary>
/// Latencies of one actor, to 1 % from 1 us to ten minutes. All have the same layout, so that thousands of them merge without loss
/// into the percentiles of a run. Memory is taken with the first sample (some 25 KB): most actors of a big cluster never see one.
/// Confined to its actor.
/// </summary>
public sealed class LatencyHistogram
{
    internal const long HighestMicroseconds = 600_000_000;
    private const int SignificantDigits = 2;
    private LongHistogram? _histogram;
    private byte[] _encoded = [];
    private long _encodedCount;

    public long Count => _histogram?.TotalCount ?? 0;

    /// <summary>Counts one latency; what is longer than ten minutes counts as ten minutes, and a negative one (never measured) as
    /// none.</summary>
    public void Record(long microseconds) => (_histogram ??= Empty()).RecordValue(Math.Clamp(microseconds, 0, HighestMicroseconds));

    /// <summary>What was recorded, for the way to the driver; empty when nothing was.</summary>
    public byte[] Encode()
    {
        // Most actors of a big cluster are asked more often than they see one.
        if (_histogram is not null && _histogram.TotalCount != _encodedCount)
            (_encoded, _encodedCount) = (HistogramEncoding.Encode(_histogram), _histogram.TotalCount);
        return _encoded;
    }

    public void Reset() => (_histogram, _encoded, _encodedCount) = (null, [], 0);

    /// <summary>A histogram with the layout of all.</summary>
    public static LongHistogram Empty() => new(1, HighestMicroseconds, SignificantDigits);
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
